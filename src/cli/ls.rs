//! `octrls ls`: lists the status of every scan from the ledger.

use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Value, json};

use super::{coded, dicom_peers::is_delivered, harmless, printed, steward};
use octrls_engine::{LedgerEntry, ScanState};

#[derive(Args)]
pub(super) struct LsArguments {
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only scans in this state: queued, running, done, delivered, quarantined, superseded or expired; repeatable
    #[arg(long, value_name = "STATE", value_parser = parsed)]
    state: Vec<ScanState>,
    /// Only scans whose path starts with PATH
    #[arg(value_name = "PATH")]
    below: Option<PathBuf>,
    /// Print one JSON object per scan
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &LsArguments) -> anyhow::Result<ExitCode> {
    let steward = steward(&arguments.out)?;
    let mut out = BufWriter::new(stdout().lock());
    let mut written = Ok(());
    steward
        .each(&mut |mut entry| {
            entry.state = state(&arguments.out, &entry);
            let wanted = if arguments.state.is_empty() {
                entry.state != ScanState::Superseded
            } else {
                arguments.state.contains(&entry.state)
            };
            if wanted && arguments.below.as_ref().is_none_or(|below| entry.path.starts_with(below)) && written.is_ok() {
                written = if arguments.json { writeln!(out, "{}", object(&entry)) } else { line(&mut out, &entry) };
            }
        })
        .map_err(|e| coded(e.code(), e))?;
    super::unless_unread(written.and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

/// The state in the word that every screen uses; JSON keeps the ledger's own name.
const fn word(state: ScanState) -> &'static str {
    match state {
        ScanState::Hashed => "queued",
        ScanState::Written => "done",
        other => other.name(),
    }
}

/// The state that [`word`] or the ledger calls `text`.
fn parsed(text: &str) -> Result<ScanState, String> {
    let named = |state: &ScanState| word(*state) == text || state.name() == text;
    let words = || ScanState::ALL.map(word).join(", ");
    ScanState::ALL.into_iter().find(named).ok_or_else(|| format!("not one of {}", words()))
}

/// The state of `entry`; a delivery is recorded beside the results, not in the ledger.
fn state(out: &Path, entry: &LedgerEntry) -> ScanState {
    let result = entry.result.as_ref().filter(|_| entry.state == ScanState::Written);
    if result.is_some_and(|result| is_delivered(&out.join(result))) { ScanState::Delivered } else { entry.state }
}

fn line(out: &mut impl Write, entry: &LedgerEntry) -> std::io::Result<()> {
    let time = entry.finished.or(entry.started).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let seconds = entry.seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default();
    let (state, time) = (word(entry.state), time.unwrap_or_default());
    write!(out, "{state:<11}  {time:<20}  {seconds:>9}  {}", harmless(&printed(&entry.path)))?;
    match (&entry.code, &entry.reason) {
        (Some(code), Some(reason)) => writeln!(out, "  {code}: {}", harmless(reason)),
        _ => writeln!(out),
    }
}

fn object(entry: &LedgerEntry) -> Value {
    json!({
        "state": entry.state.name(),
        "path": printed(&entry.path),
        "result": entry.result.as_deref().map(printed),
        "attempts": entry.attempts,
        "code": entry.code,
        "reason": entry.reason,
        "sha256": entry.sha256,
        "bytes": entry.bytes,
        "model_sha256": entry.model,
        "config_sha256": entry.config,
        "queued": entry.queued,
        "started": entry.started,
        "finished": entry.finished,
        "seconds": entry.seconds,
    })
}
