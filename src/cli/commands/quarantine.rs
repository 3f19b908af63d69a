//! `octrls quarantine`: lists quarantined scans, retries them or deletes them.

use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;

use octrls_core::ErrorCode;
use octrls_engine::{AuditAction, LedgerAdmin, LedgerAdminError, Quarantined};

use crate::cli::{
    arguments::ledger::ResultsFolderArguments,
    exit_code::some_failed_if,
    ledger::{open_ledger, record_scan},
    output::{allow_closed_pipe, display_path, error_line, escaped, is_shown_as, line, local_time},
};

#[derive(Args)]
pub(crate) struct QuarantineArguments {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Subcommand)]
enum QuarantineCommand {
    /// List quarantined scans with the reason
    List(ListArguments),
    /// Move scans back to where they came from and process them again
    Retry(ChoiceArguments),
    /// Delete scans from quarantine permanently
    Drop(ChoiceArguments),
}

#[derive(Args)]
struct ListArguments {
    #[command(flatten)]
    results: ResultsFolderArguments,
    /// Print one JSON object per scan
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("which").required(true).args(["places", "all"])))]
struct ChoiceArguments {
    /// Scans, named as `octrls quarantine list` prints them
    #[arg(value_name = "PLACE")]
    places: Vec<PathBuf>,
    /// All quarantined scans
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    results: ResultsFolderArguments,
    /// Print one JSON object per scan
    #[arg(long)]
    json: bool,
}

/// An action on a quarantined scan.
struct Action {
    run: fn(&mut LedgerAdmin, &Quarantined) -> Result<(), LedgerAdminError>,
    /// The outcome in words.
    text: &'static str,
    /// The outcome in JSON.
    name: &'static str,
    audit: AuditAction,
}

const RETRY: Action =
    Action { run: LedgerAdmin::release, text: "will be processed again", name: "asked", audit: AuditAction::Release };
const DROP: Action =
    Action { run: LedgerAdmin::drop_quarantined, text: "is deleted", name: "removed", audit: AuditAction::Delete };

pub(super) fn run(arguments: &QuarantineArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        QuarantineCommand::List(list) => {
            allow_closed_pipe(print(&open_ledger(&list.results.folder()?)?, list.json))?;
            Ok(ExitCode::SUCCESS)
        }
        QuarantineCommand::Retry(choice) => choice.each(&RETRY),
        QuarantineCommand::Drop(choice) => choice.each(&DROP),
    }
}

/// Retries every quarantined scan.
pub(super) fn retry_all(ledger: &mut LedgerAdmin, out: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let all = ledger.quarantined();
    each(ledger, out, &all, &RETRY, as_json)
}

fn print(ledger: &LedgerAdmin, as_json: bool) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    for scan in ledger.quarantined() {
        let (place, path) = (display_path(ledger.place_of(&scan)), display_path(&scan.path));
        let Quarantined { moved, code, reason, attempts, sha256, time, .. } = &scan;
        if as_json {
            let object = json!({
                "place": place, "path": path, "moved": moved, "code": code, "reason": reason, "attempts": attempts,
                "sha256": sha256, "time": time,
            });
            writeln!(out, "{object}")?;
        } else {
            let not_moved = if *moved { "" } else { "  (not moved)" };
            let time = local_time(*time);
            writeln!(out, "{time}  {}  {}: {}{not_moved}", escaped(&place), escaped(code), escaped(reason))?;
        }
    }
    out.flush()
}

impl ChoiceArguments {
    fn each(&self, action: &Action) -> anyhow::Result<ExitCode> {
        let out = self.results.folder()?;
        let mut ledger = open_ledger(&out)?;
        let quarantined = ledger.quarantined();
        if self.all {
            return each(&mut ledger, &out, &quarantined, action, self.json);
        }
        let is_at = |scan: &Quarantined, place: &Path| ledger.place_of(scan) == place || scan.place == place;
        let (mut chosen, mut missing) = (Vec::new(), false);
        for place in &self.places {
            let place = place.canonicalize().unwrap_or_else(|_| place.clone());
            let exact = quarantined.iter().find(|scan| is_at(scan, &place));
            // A name that is no text cannot be typed as it is.
            let mut alike = quarantined.iter().filter(|scan| is_shown_as(ledger.place_of(scan), &place));
            let found = exact.or_else(|| alike.next().filter(|_| alike.next().is_none()));
            if found.is_none() {
                missing = true;
                let place = display_path(&place);
                let reason = format!("'{place}' is not in quarantine");
                report(&place, Err((ErrorCode::QuarantineNone, reason)), self.json);
            }
            chosen.extend(found.cloned());
        }
        let code = each(&mut ledger, &out, &chosen, action, self.json)?;
        Ok(if missing { some_failed_if(true) } else { code })
    }
}

fn each(
    ledger: &mut LedgerAdmin,
    out: &Path,
    scans: &[Quarantined],
    action: &Action,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let mut failed = false;
    for scan in scans {
        let outcome = (action.run)(ledger, scan).map_err(|error| (error.code(), error.to_string()));
        failed |= outcome.is_err();
        if outcome.is_ok() {
            record_scan(out, action.audit, &scan.path)?;
        }
        report(&display_path(ledger.place_of(scan)), outcome.map(|()| action), as_json);
    }
    Ok(some_failed_if(failed))
}

/// Prints the outcome for the scan at `place`: the action, or a stable code and the reason.
fn report(place: &str, outcome: Result<&Action, (ErrorCode, String)>, as_json: bool) {
    match (outcome, as_json) {
        (Ok(action), false) => drop(line(format_args!("{}  {}", escaped(place), action.text))),
        (Ok(action), true) => println!("{}", json!({ "place": place, "outcome": action.name })),
        (Err((code, reason)), false) => error_line(format_args!("{code}: {reason}")),
        (Err((code, reason)), true) => {
            println!("{}", json!({ "place": place, "outcome": "failed", "code": code, "reason": reason }));
        }
    }
}
