//! `octrls redo`: processes scans again.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;

use super::{SOME_FAILED, coded, harmless, printed, quarantine::release_all, steward};
use octrls_engine::Redo;

#[derive(Args)]
pub(super) struct RedoArguments {
    /// Scans, as paths that `octrls ls` prints or as file paths
    #[arg(required_unless_present_any = ["all", "failed"], value_name = "PATH")]
    scans: Vec<PathBuf>,
    /// Every scan that is still in the watched folders
    #[arg(long, conflicts_with_all = ["scans", "failed"])]
    all: bool,
    /// Every quarantined scan, as `octrls quarantine retry --all` does
    #[arg(long, conflicts_with = "scans")]
    failed: bool,
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object per scan; with --all, one object with their number
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
            println!("{count} scans will be processed again");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for scan in &arguments.scans {
        let path = steward.below_root(scan);
        let outcome = steward.redo(&path).map_err(|e| coded(e.code(), e))?;
        let (word, text) = match outcome {
            Redo::Asked => ("asked", "will be processed again"),
            Redo::Running => ("running", "is running"),
            Redo::Gone => ("gone", "is no longer in the watched folders"),
            Redo::Unknown => ("unknown", "is not in the ledger; the watcher processes new scans by itself"),
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
