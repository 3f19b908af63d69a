//! `octrls redo`: processes scans again.

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgGroup, Args};
use serde_json::json;

use octrls_engine::Redo;

use super::quarantine::retry_all;
use crate::cli::{
    error::coded,
    exit_code::some_failed_if,
    ledger::open_ledger,
    output::{counted, display_path, escaped},
};

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("which").required(true).args(["scans", "all", "failed"])))]
pub(crate) struct RedoArguments {
    /// Scans, as paths that `octrls ls` prints or as file paths
    #[arg(value_name = "PATH")]
    scans: Vec<PathBuf>,
    /// Every scan that is still in the watched folders
    #[arg(long)]
    all: bool,
    /// Every quarantined scan, as `octrls quarantine retry --all` does
    #[arg(long)]
    failed: bool,
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object per scan; with --all, one object with their number
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &RedoArguments) -> anyhow::Result<ExitCode> {
    let mut ledger = open_ledger(&arguments.out)?;
    if arguments.failed {
        return Ok(retry_all(&mut ledger, arguments.json));
    }
    if arguments.all {
        let count = ledger.redo_all().map_err(|e| coded(e.code(), e))?;
        if arguments.json {
            println!("{}", json!({ "asked": count }));
        } else {
            println!("{} will be processed again", counted(count, "scan"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for scan in &arguments.scans {
        let path = ledger.below_root(scan);
        let outcome = ledger.redo(&path).map_err(|e| coded(e.code(), e))?;
        let (name, text) = match outcome {
            Redo::Asked => ("asked", "will be processed again"),
            Redo::Running => ("running", "is running"),
            Redo::Gone => ("gone", "is no longer in the watched folders"),
            Redo::Unknown => ("unknown", "is not in the ledger; the watcher processes new scans by itself"),
        };
        failed |= outcome != Redo::Asked;
        let path = display_path(&path);
        match (arguments.json, outcome) {
            (true, _) => println!("{}", json!({ "path": path, "outcome": name })),
            (false, Redo::Asked) => println!("{}  {text}", escaped(&path)),
            (false, _) => eprintln!("{}  {text}", escaped(&path)),
        }
    }
    Ok(some_failed_if(failed))
}
