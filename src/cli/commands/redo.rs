//! `octrls redo`: processes scans again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgGroup, Args};
use serde_json::json;

use octrls_engine::{AuditAction, AuditChange, LedgerAdmin, LedgerEntry, Redo};

use super::quarantine::retry_all;
use crate::cli::{
    arguments::ledger::ResultsFolderArguments,
    error::coded,
    exit_code::some_failed_if,
    ledger::{open_ledger, record, record_scan},
    output::{counted, display_path, error_line, escaped, is_shown_as, line},
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
    #[command(flatten)]
    results: ResultsFolderArguments,
    /// Print one JSON object per scan; with --all, one object with their number
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &RedoArguments) -> anyhow::Result<ExitCode> {
    let out = arguments.results.folder()?;
    let mut ledger = open_ledger(&out)?;
    if arguments.failed {
        return retry_all(&mut ledger, &out, arguments.json);
    }
    if arguments.all {
        let count = ledger.redo_all().map_err(|e| coded(e.code(), e))?;
        let after = Some(counted(count, "scan"));
        let (action, after) = (AuditAction::Redo, after.as_deref());
        record(&out, &AuditChange { action, subject: "all", before: None, after })?;
        if arguments.json {
            println!("{}", json!({ "asked": count }));
        } else {
            println!("{} will be processed again", counted(count, "scan"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for scan in &arguments.scans {
        let mut path = ledger.below_root(scan);
        let mut outcome = ledger.redo(&path).map_err(|e| coded(e.code(), e))?;
        // A name that is no text cannot be typed as it is.
        if outcome == Redo::Unknown
            && let Some(alike) = only_alike(&ledger, &path)?
        {
            path = alike;
            outcome = ledger.redo(&path).map_err(|e| coded(e.code(), e))?;
        }
        if outcome == Redo::Asked {
            record_scan(&out, AuditAction::Redo, &path)?;
        }
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
            (false, Redo::Asked) => line(format_args!("{}  {text}", escaped(&path)))?,
            (false, _) => error_line(format_args!("{}  {text}", escaped(&path))),
        }
    }
    Ok(some_failed_if(failed))
}

/// The only scan in the ledger that is shown as `typed`.
fn only_alike(ledger: &LedgerAdmin, typed: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut alike = BTreeSet::new();
    let mut collect = |entry: LedgerEntry| {
        if is_shown_as(&entry.path, typed) {
            alike.insert(entry.path);
        }
    };
    ledger.each(&mut collect).map_err(|e| coded(e.code(), e))?;
    Ok(if alike.len() == 1 { alike.pop_first() } else { None })
}
