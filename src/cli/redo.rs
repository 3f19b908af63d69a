//! `octrls redo`: lets scans be processed anew.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;

use super::{SOME_FAILED, coded, harmless, printed, quarantine::release_all, steward};
use octrls_engine::Redo;

#[derive(Args)]
pub(super) struct RedoArguments {
    /// Scans, by their paths as `octrls ls` prints them or by those of the files
    #[arg(required_unless_present_any = ["all", "failed"], value_name = "PATH")]
    scans: Vec<PathBuf>,
    /// Every scan that is still in the watched folders
    #[arg(long, conflicts_with_all = ["scans", "failed"])]
    all: bool,
    /// Every scan that was given up, as `octrls quarantine retry --all`
    #[arg(long, conflicts_with = "scans")]
    failed: bool,
    /// Folder for results of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print a JSON object for each scan, or one with their count
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &RedoArguments) -> anyhow::Result<ExitCode> {
    let mut steward = steward(&arguments.out)?;
    if arguments.failed {
        return Ok(release_all(&mut steward, arguments.json));
    }
    if arguments.all {
        let count = steward.redo_all().map_err(|e| coded(e.code(), e))?;
        if arguments.json {
            println!("{}", json!({ "asked": count }));
        } else {
            println!("{count} scans will be processed anew");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for scan in &arguments.scans {
        let path = steward.below_root(scan);
        let outcome = steward.redo(&path).map_err(|e| coded(e.code(), e))?;
        let (word, text) = match outcome {
            Redo::Asked => ("asked", "will be processed anew"),
            Redo::Running => ("running", "is being worked on"),
            Redo::Gone => ("gone", "is not in the watched folders any more"),
            Redo::Unknown => ("unknown", "is not in the ledger; a watcher takes new scans by itself"),
        };
        failed |= outcome != Redo::Asked;
        let path = printed(&path);
        match (arguments.json, outcome) {
            (true, _) => println!("{}", json!({ "path": path, "outcome": word })),
            (false, Redo::Asked) => println!("{}  {text}", harmless(&path)),
            (false, _) => eprintln!("{}  {text}", harmless(&path)),
        }
    }
    Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}
