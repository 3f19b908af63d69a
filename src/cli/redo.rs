//! `octrls redo`: lets scans be processed anew.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{SOME_FAILED, coded, printed, quarantine::release_all, steward};
use crate::engine::Redo;

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
}

pub(super) fn run(arguments: &RedoArguments) -> anyhow::Result<ExitCode> {
    let mut steward = steward(&arguments.out)?;
    if arguments.failed {
        return Ok(release_all(&mut steward));
    }
    if arguments.all {
        let count = steward.redo_all().map_err(|e| coded(e.code(), e))?;
        println!("{count} scans will be processed anew");
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for scan in &arguments.scans {
        let path = steward.below_root(scan);
        let problem = match steward.redo(&path).map_err(|e| coded(e.code(), e))? {
            Redo::Asked => {
                println!("{}  will be processed anew", printed(&path));
                continue;
            }
            Redo::Running => "is being worked on",
            Redo::Gone => "is not in the watched folders any more",
            Redo::Unknown => "is not in the ledger; a watcher takes new scans by itself",
        };
        failed = true;
        eprintln!("{}  {problem}", printed(&path));
    }
    Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}
