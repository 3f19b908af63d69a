//! `octrls ls`: lists the status of every scan from the ledger.

use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Value, json};

use octrls_dicom_net::is_delivered;
use octrls_engine::{LedgerEntry, ScanState};

use crate::cli::{
    error::coded,
    ledger::open_ledger,
    output::{allow_closed_pipe, display_path, escaped},
};

#[derive(Args)]
pub(crate) struct LsArguments {
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only scans in this state: queued, running, done, delivered, quarantined, superseded or expired; repeatable
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Vec<ScanState>,
    /// Only scans whose path starts with PATH
    #[arg(value_name = "PATH")]
    below: Option<PathBuf>,
    /// Print one JSON object per scan
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &LsArguments) -> anyhow::Result<ExitCode> {
    let ledger = open_ledger(&arguments.out)?;
    let mut out = BufWriter::new(stdout().lock());
    let mut written = Ok(());
    ledger
        .each(&mut |mut entry| {
            entry.state = current_state(&arguments.out, &entry);
            let wanted = if arguments.state.is_empty() {
                entry.state != ScanState::Superseded
            } else {
                arguments.state.contains(&entry.state)
            };
            if wanted && arguments.below.as_ref().is_none_or(|below| entry.path.starts_with(below)) && written.is_ok() {
                written =
                    if arguments.json { writeln!(out, "{}", to_json(&entry)) } else { write_line(&mut out, &entry) };
            }
        })
        .map_err(|e| coded(e.code(), e))?;
    allow_closed_pipe(written.and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

/// The name of a state, as on every screen; JSON keeps the ledger's own names.
const fn state_name(state: ScanState) -> &'static str {
    match state {
        ScanState::Hashed => "queued",
        ScanState::Written => "done",
        other => other.name(),
    }
}

/// Parses the name of a state, from [`state_name`] or the ledger.
fn parse_state(text: &str) -> Result<ScanState, String> {
    let named = |state: &ScanState| state_name(*state) == text || state.name() == text;
    let names = || ScanState::ALL.map(state_name).join(", ");
    ScanState::ALL.into_iter().find(named).ok_or_else(|| format!("not one of {}", names()))
}

/// The state of `entry`; a delivery is recorded beside the results, not in the ledger.
fn current_state(out: &Path, entry: &LedgerEntry) -> ScanState {
    let result = entry.result.as_ref().filter(|_| entry.state == ScanState::Written);
    if result.is_some_and(|result| is_delivered(&out.join(result))) { ScanState::Delivered } else { entry.state }
}

fn write_line(out: &mut impl Write, entry: &LedgerEntry) -> std::io::Result<()> {
    let time = entry.finished.or(entry.started).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let seconds = entry.seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default();
    let (state, time) = (state_name(entry.state), time.unwrap_or_default());
    write!(out, "{state:<11}  {time:<20}  {seconds:>9}  {}", escaped(&display_path(&entry.path)))?;
    match (&entry.code, &entry.reason) {
        (Some(code), Some(reason)) => writeln!(out, "  {code}: {}", escaped(reason)),
        _ => writeln!(out),
    }
}

fn to_json(entry: &LedgerEntry) -> Value {
    json!({
        "state": entry.state.name(),
        "path": display_path(&entry.path),
        "result": entry.result.as_deref().map(display_path),
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
