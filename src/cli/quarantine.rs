//! `octrls quarantine`: what was given up.

use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{SOME_FAILED, printed, steward};
use crate::engine::{Quarantined, Steward, StewardError};

#[derive(Args)]
pub(super) struct QuarantineArguments {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Subcommand)]
enum QuarantineCommand {
    /// List the scans in quarantine, each with its reason
    List(ListArguments),
    /// Move scans back to where they were found, to be processed anew
    Retry(ChoiceArguments),
    /// Remove scans from quarantine for good
    Drop(ChoiceArguments),
}

#[derive(Args)]
struct ListArguments {
    /// Folder for results of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print a JSON object for each scan
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ChoiceArguments {
    /// Scans, by their places as `octrls quarantine list` prints them
    #[arg(required_unless_present = "all", value_name = "PLACE")]
    places: Vec<PathBuf>,
    /// All that are there
    #[arg(long, conflicts_with = "places")]
    all: bool,
    /// Folder for results of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: &QuarantineArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        QuarantineCommand::List(list) => {
            super::unless_unread(print(&steward(&list.out)?, list.json))?;
            Ok(ExitCode::SUCCESS)
        }
        QuarantineCommand::Retry(choice) => choice.each("will be processed anew", Steward::release),
        QuarantineCommand::Drop(choice) => choice.each("is removed", Steward::drop_quarantined),
    }
}

/// Moves everything in quarantine back, to be processed anew.
pub(super) fn release_all(steward: &mut Steward) -> ExitCode {
    let all = steward.quarantined();
    each(steward, &all, "will be processed anew", Steward::release)
}

fn print(steward: &Steward, as_json: bool) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    for scan in steward.quarantined() {
        let (place, path) = (printed(steward.place_of(&scan)), printed(&scan.path));
        let Quarantined { moved, code, reason, attempts, sha256, time, .. } = &scan;
        if as_json {
            let object = json!({
                "place": place, "path": path, "moved": moved, "code": code, "reason": reason, "attempts": attempts,
                "sha256": sha256, "time": time,
            });
            writeln!(out, "{object}")?;
        } else {
            let stays = if *moved { "" } else { "  (lies where it was found)" };
            writeln!(out, "{}  {place}  {code}: {reason}{stays}", time.strftime("%Y-%m-%dT%H:%M:%SZ"))?;
        }
    }
    out.flush()
}

impl ChoiceArguments {
    fn each(&self, done: &str, act: Act) -> anyhow::Result<ExitCode> {
        let mut steward = steward(&self.out)?;
        let there = steward.quarantined();
        if self.all {
            return Ok(each(&mut steward, &there, done, act));
        }
        let is = |scan: &Quarantined, place: &Path| steward.place_of(scan) == place || scan.place == place;
        let (mut chosen, mut missing) = (Vec::new(), false);
        for place in &self.places {
            let place = place.canonicalize().unwrap_or_else(|_| place.clone());
            let found = there.iter().find(|scan| is(scan, &place));
            if found.is_none() {
                missing = true;
                eprintln!("E-QUARANTINE-NONE: there is no {} in quarantine", printed(&place));
            }
            chosen.extend(found.cloned());
        }
        let code = each(&mut steward, &chosen, done, act);
        Ok(if missing { ExitCode::from(SOME_FAILED) } else { code })
    }
}

type Act = fn(&mut Steward, &Quarantined) -> Result<(), StewardError>;

fn each(steward: &mut Steward, scans: &[Quarantined], done: &str, act: Act) -> ExitCode {
    let mut failed = false;
    for scan in scans {
        match act(steward, scan) {
            Ok(()) => println!("{}  {done}", printed(steward.place_of(scan))),
            Err(error) => {
                failed = true;
                eprintln!("{}: {error}", error.code());
            }
        }
    }
    if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS }
}
