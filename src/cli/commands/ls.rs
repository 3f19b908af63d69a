//! `octrls ls`: lists the status of every scan from the ledger.

use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use octrls_core::measure::Verdict;
use octrls_dicom_net::is_delivered;
use octrls_engine::{LedgerEntry, ScanState, is_in_use};
use octrls_report::verdict_of;

use crate::cli::{
    arguments::ledger::ResultsFolderArguments,
    error::coded,
    ledger::open_ledger,
    output::{allow_closed_pipe, display_path, escaped, local_time},
};

#[derive(Args)]
pub(crate) struct LsArguments {
    #[command(flatten)]
    results: ResultsFolderArguments,
    /// Only scans in this state: queued, retry, running, interrupted, done, delivered, quarantined, superseded or
    /// expired; repeatable
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Vec<Status>,
    /// Only scans whose path starts with PATH
    #[arg(value_name = "PATH")]
    below: Option<PathBuf>,
    /// How to print: a table, one JSON object per scan, or comma-separated values
    #[arg(long, value_name = "HOW", default_value = "table", conflicts_with = "json")]
    format: Format,
    /// Print one JSON object per scan, as --format json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// The status of a scan, in the words of the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Waits for its first attempt.
    Queued,
    /// Waits for another attempt.
    Retry,
    /// Was being processed when its watcher ended.
    Interrupted,
    /// As in the ledger.
    Other(ScanState),
}

impl Status {
    const ALL: [Self; 9] = [
        Self::Queued,
        Self::Retry,
        Self::Other(ScanState::Running),
        Self::Interrupted,
        Self::Other(ScanState::Written),
        Self::Other(ScanState::Delivered),
        Self::Other(ScanState::Quarantined),
        Self::Other(ScanState::Superseded),
        Self::Other(ScanState::Expired),
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Queued | Self::Other(ScanState::Hashed) => "queued",
            Self::Retry => "retry",
            Self::Interrupted => "interrupted",
            Self::Other(ScanState::Written) => "done",
            Self::Other(state) => state.name(),
        }
    }
}

/// Parses a word of a status, or the ledger's name of a state.
fn parse_state(text: &str) -> Result<Status, String> {
    let names = || Status::ALL.map(Status::word).join(", ");
    let word = match text {
        "hashed" => "queued",
        "written" => "done",
        word => word,
    };
    Status::ALL.into_iter().find(|status| status.word() == word).ok_or_else(|| format!("not one of {}", names()))
}

/// A scan as it is listed.
struct Row {
    entry: LedgerEntry,
    status: Status,
    verdict: Option<Verdict>,
}

pub(super) fn run(arguments: &LsArguments) -> anyhow::Result<ExitCode> {
    let folder = arguments.results.folder()?;
    let ledger = open_ledger(&folder)?;
    let format = if arguments.json { Format::Json } else { arguments.format };
    let has_watcher = is_in_use(&folder);
    let mut out = BufWriter::new(stdout().lock());
    let mut written = write_header(&mut out, format);
    ledger
        .each(&mut |entry| {
            let status = status_of(&folder, &entry, has_watcher);
            let wanted = if arguments.state.is_empty() {
                status != Status::Other(ScanState::Superseded)
            } else {
                arguments.state.contains(&status)
            };
            if wanted && arguments.below.as_ref().is_none_or(|below| entry.path.starts_with(below)) && written.is_ok() {
                let has_results = matches!(status, Status::Other(ScanState::Written | ScanState::Delivered));
                let result = entry.result.as_ref().filter(|_| has_results);
                let verdict = result.and_then(|result| verdict_of(&folder.join(result)));
                written = write_row(&mut out, format, &Row { entry, status, verdict });
            }
        })
        .map_err(|e| coded(e.code(), e))?;
    allow_closed_pipe(written.and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

/// The status of `entry`; a delivery is recorded beside the results, not in the ledger. Without a watcher, nothing runs.
fn status_of(out: &Path, entry: &LedgerEntry, has_watcher: bool) -> Status {
    let has = |result: &PathBuf| is_delivered(&out.join(result));
    match entry.state {
        ScanState::Hashed if entry.code.is_some() => Status::Retry,
        ScanState::Hashed => Status::Queued,
        ScanState::Running if !has_watcher => Status::Interrupted,
        ScanState::Written if entry.result.as_ref().is_some_and(has) => Status::Other(ScanState::Delivered),
        state => Status::Other(state),
    }
}

const COLUMNS: [&str; 15] = [
    "state",
    "verdict",
    "path",
    "result",
    "attempts",
    "code",
    "reason",
    "sha256",
    "bytes",
    "model_sha256",
    "config_sha256",
    "queued",
    "started",
    "finished",
    "seconds",
];

fn write_header(out: &mut impl Write, format: Format) -> std::io::Result<()> {
    match format {
        Format::Table => writeln!(out, "{:<11}  {:<12}  {:<19}  {:>9}  SCAN", "STATE", "VERDICT", "FINISHED", "TIME"),
        Format::Json => Ok(()),
        Format::Csv => write_csv(out, &COLUMNS.map(str::to_owned)),
    }
}

fn write_row(out: &mut impl Write, format: Format, row: &Row) -> std::io::Result<()> {
    match format {
        Format::Table => write_line(out, row),
        Format::Json => writeln!(out, "{}", to_json(row)),
        Format::Csv => {
            let object = to_json(row);
            let mut cells = COLUMNS.map(|column| match &object[column] {
                Value::Null => String::new(),
                Value::String(text) => octrls_core::shown::shown(text).into_owned(),
                other => other.to_string(),
            });
            row.status.word().clone_into(&mut cells[0]);
            write_csv(out, &cells)
        }
    }
}

fn write_csv(out: &mut impl Write, cells: &[String]) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}

fn write_line(out: &mut impl Write, Row { entry, status, verdict }: &Row) -> std::io::Result<()> {
    let time = entry.finished.or(entry.started).map(local_time).unwrap_or_default();
    let seconds = entry.seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default();
    let verdict = verdict.map(Verdict::words).unwrap_or_default();
    let (state, path) = (status.word(), display_path(&entry.path));
    write!(out, "{state:<11}  {verdict:<12}  {time:<19}  {seconds:>9}  {}", escaped(&path))?;
    match (&entry.code, &entry.reason) {
        (Some(code), Some(reason)) => writeln!(out, "  {code}: {}", escaped(reason)),
        _ => writeln!(out),
    }
}

fn to_json(Row { entry, status, verdict }: &Row) -> Value {
    let state = match status {
        Status::Other(state) => *state,
        Status::Interrupted => ScanState::Running,
        Status::Queued | Status::Retry => ScanState::Hashed,
    };
    json!({
        "state": state.name(),
        "interrupted": *status == Status::Interrupted,
        "verdict": verdict,
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
