//! The commands: a module and a `run` function each, which returns the exit code.

mod completions;
mod config;
mod demo;
mod doctor;
mod export;
mod forget;
mod ls;
mod man;
mod model;
mod phantom;
mod quarantine;
mod receive;
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
    /// List quarantined scans; retry or delete them
    #[command(after_help = QUARANTINE_EXAMPLES)]
    Quarantine(quarantine::QuarantineArguments),
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
  octrls ls --out /srv/oct/out
  octrls ls --out /srv/oct/out --state running --state quarantined";

const REDO_EXAMPLES: &str = "\
Examples:
  octrls redo --out /srv/oct/out ward/scan.vol
  octrls redo --out /srv/oct/out --all";

const QUARANTINE_EXAMPLES: &str = "\
Examples:
  octrls quarantine list --out /srv/oct/out
  octrls quarantine retry --out /srv/oct/out --all";

const EXPORT_EXAMPLES: &str = "\
Examples:
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
            Self::Completions(a) => completions::run(&a, program),
            Self::Config(a) => config::run(&a),
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
            Self::Redo(a) => redo::run(&a),
            Self::Segment(a) => segment::run(&a),
            Self::Send(a) => send::run(&a),
            Self::Top(a) => top::run(&a),
            Self::Watch(a) => watch::run(&a, command_line),
            Self::Worker(a) => worker::run(&a, &command_line),
        }
    }
}
