//! The commands: a module and a `run` function each, which returns the exit code.

mod audit;
mod browse;
mod completions;
mod config;
mod correct;
mod demo;
mod doctor;
mod export;
mod export_eyes;
mod forget;
mod ls;
mod man;
mod model;
mod model_compare;
mod phantom;
mod quarantine;
mod receive;
mod recentre;
mod redo;
mod segment;
mod send;
mod top;
mod watch;
mod worker;

use std::{ffi::OsString, process::ExitCode};

use clap::Subcommand;

use super::arguments::{watch::WatchArguments, worker::WorkerArguments};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the dashboard at work on synthetic scans
    Demo(demo::DemoArguments),
    /// Segment scan files or folders once
    #[command(after_help = SEGMENT_EXAMPLES)]
    Segment(Box<segment::SegmentArguments>),
    /// Watch folders and segment every scan that arrives
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(Box<WatchArguments>),
    /// Segment scans for watchers on other machines
    #[command(after_help = WORKER_EXAMPLES)]
    Worker(Box<WorkerArguments>),
    /// Show the dashboard of a running watcher; quitting it does not stop the watcher
    #[command(after_help = TOP_EXAMPLES)]
    Top(top::TopArguments),
    /// Look through finished scans in the dashboard, without a watcher
    #[command(after_help = BROWSE_EXAMPLES)]
    Browse(browse::BrowseArguments),
    /// Look through the results that want a person's eyes: accept, reject or comment each
    #[command(after_help = REVIEW_EXAMPLES)]
    Review(browse::BrowseArguments),
    /// Correct the lines of a result by an edited boundaries.csv
    #[command(after_help = CORRECT_EXAMPLES)]
    Correct(Box<correct::CorrectArguments>),
    /// Check folders, disk, model, clock and settings, and suggest fixes
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(doctor::DoctorArguments),
    /// Check a settings file or print a sample
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(config::ConfigArguments),
    /// List the status of every scan
    #[command(after_help = LS_EXAMPLES)]
    Ls(ls::LsArguments),
    /// Process scans again
    #[command(after_help = REDO_EXAMPLES)]
    Redo(redo::RedoArguments),
    /// State the fovea of a scan by hand, and make its results anew
    #[command(after_help = RECENTRE_EXAMPLES)]
    Recentre(Box<recentre::RecentreArguments>),
    /// List quarantined scans; retry or delete them
    #[command(after_help = QUARANTINE_EXAMPLES)]
    Quarantine(quarantine::QuarantineArguments),
    /// List who changed a centre, a setting or a scan, and when
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(audit::AuditArguments),
    /// Combine many results into one file
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(export::ExportArguments),
    /// Delete a patient's measurements from the follow-up history
    Forget(forget::ForgetArguments),
    /// Write synthetic scans with exact labels
    Phantom(phantom::PhantomArguments),
    /// Receive scans from DICOM nodes into a folder
    #[command(after_help = RECEIVE_EXAMPLES)]
    Receive(receive::ReceiveArguments),
    /// Send DICOM files to a node
    #[command(after_help = SEND_EXAMPLES)]
    Send(send::SendArguments),
    /// Show model information
    Model(model::ModelCommandArguments),
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(completions::CompletionsArguments),
    /// Write a man page for every command
    #[command(hide = true)]
    Man(man::ManArguments),
}

const WATCH_EXAMPLES: &str = "\
Examples:
  octrls watch /srv/oct/in --out /srv/oct/out
  octrls watch /mnt/share --poll 10 --plain
  octrls watch --config /etc/octrls/octrls.toml";

const SEGMENT_EXAMPLES: &str = "\
Examples:
  octrls segment scan.vol
  octrls segment --volume --axial-um 3.87 --lateral-um 11.4 folder-of-images
  octrls segment /srv/oct/in --out results --model edge";

const WORKER_EXAMPLES: &str = "\
Examples:
  octrls worker --queue nats://queue.example.org
  octrls worker --config /etc/octrls/worker.toml";

const TOP_EXAMPLES: &str = "\
Examples:
  octrls top
  octrls top /srv/oct/out
  octrls top --plain | grep quarantined";

const BROWSE_EXAMPLES: &str = "\
Examples:
  octrls browse /srv/oct/out";

const REVIEW_EXAMPLES: &str = "\
Examples:
  octrls review /srv/oct/out --reviewer \"Eva Novak\"";

const CORRECT_EXAMPLES: &str = "\
Examples:
  octrls correct ward/scan.vol --from edited.csv --out /srv/oct/out --reviewer \"Eva Novak\"";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  octrls doctor /srv/oct/in --out /srv/oct/out
  octrls doctor --config /etc/octrls/octrls.toml";

const CONFIG_EXAMPLES: &str = "\
Examples:
  octrls config sample > octrls.toml
  octrls config check octrls.toml";

const LS_EXAMPLES: &str = "\
Examples:
  octrls ls
  octrls ls --out /srv/oct/out --state running --state quarantined
  octrls ls --format csv > scans.csv";

const REDO_EXAMPLES: &str = "\
Examples:
  octrls redo --out /srv/oct/out ward/scan.vol
  octrls redo --out /srv/oct/out --all";

const RECENTRE_EXAMPLES: &str = "\
Examples:
  octrls recentre scan.vol --at 4.35,2.87
  octrls recentre --out /srv/oct/out ward/scan.vol --at 4.35,2.87
  octrls recentre scan.vol --clear";

const QUARANTINE_EXAMPLES: &str = "\
Examples:
  octrls quarantine list --out /srv/oct/out
  octrls quarantine retry --out /srv/oct/out --all";

const AUDIT_EXAMPLES: &str = "\
Examples:
  octrls audit --out /srv/oct/out
  octrls audit --out /srv/oct/out --action centre
  octrls audit --out /srv/oct/out --json ward/scan.vol";

const EXPORT_EXAMPLES: &str = "\
Examples:
  octrls export --csv eyes.csv --dictionary eyes-redcap.csv /srv/oct/out
  octrls export --csv eyes.csv --follow /srv/oct/out
  octrls export --fhir report.json --identify /srv/oct/out/ward/scan.dcm
  octrls export --parquet ascans.parquet /srv/oct/out
  octrls export --json results.jsonl /srv/oct/out
  octrls export --json - /srv/oct/out";

const RECEIVE_EXAMPLES: &str = "\
Examples:
  octrls receive /srv/oct/in
  octrls receive /srv/oct/in --listen 0.0.0.0:11112 --allow-ae SCANNER";

const SEND_EXAMPLES: &str = "\
Examples:
  octrls send --echo PACS@pacs.example.org:104
  octrls send PACS@pacs.example.org:104 /srv/oct/out";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  octrls completions bash > ~/.local/share/bash-completion/completions/octrls
  octrls completions fish > ~/.config/fish/completions/octrls.fish";

impl Command {
    /// Runs the command. `command_line` is the whole command line, `program` the definition of all commands.
    pub(super) fn run(self, command_line: Vec<OsString>, program: clap::Command) -> anyhow::Result<ExitCode> {
        match self {
            Self::Audit(a) => audit::run(&a),
            Self::Browse(a) => browse::run(&a, false),
            Self::Completions(a) => completions::run(&a, program),
            Self::Config(a) => config::run(&a),
            Self::Correct(a) => correct::run(&a),
            Self::Demo(a) => demo::run(&a),
            Self::Doctor(a) => Ok(doctor::run(&a)),
            Self::Export(a) => export::run(&a),
            Self::Forget(a) => forget::run(&a),
            Self::Ls(a) => ls::run(&a),
            Self::Man(a) => man::run(&a, program),
            Self::Model(a) => model::run(&a),
            Self::Phantom(a) => phantom::run(&a),
            Self::Quarantine(a) => quarantine::run(&a),
            Self::Receive(a) => receive::run(&a),
            Self::Recentre(a) => recentre::run(&a),
            Self::Redo(a) => redo::run(&a),
            Self::Review(a) => browse::run(&a, true),
            Self::Segment(a) => segment::run(&a),
            Self::Send(a) => send::run(&a),
            Self::Top(a) => top::run(&a),
            Self::Watch(a) => watch::run(&a, command_line),
            Self::Worker(a) => worker::run(&a, &command_line),
        }
    }
}
