//! `octrls audit`: lists who changed what, and when, and checks that no entry was changed since.

use std::{
    borrow::Cow,
    io::{BufWriter, Write, stdout},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use octrls_core::ErrorCode;
use octrls_engine::{AuditAction, AuditEntry, AuditLog};

use crate::cli::{
    arguments::ledger::ResultsFolderArguments,
    error::coded,
    exit_code::some_failed_if,
    ledger::open_ledger,
    output::{allow_closed_pipe, escaped},
};

#[derive(Args)]
pub(crate) struct AuditArguments {
    #[command(flatten)]
    results: ResultsFolderArguments,
    /// Only these changes: centre, lines, setting, redo, release, delete or forget; repeatable
    #[arg(long, value_name = "ACTION")]
    action: Vec<AuditAction>,
    /// Only changes of this scan or setting
    #[arg(value_name = "SUBJECT")]
    subject: Option<String>,
    /// Print one JSON object per change
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    // Fails in a folder without a ledger, which the audit would create.
    let out = arguments.results.folder()?;
    open_ledger(&out)?;
    let audit = AuditLog::open(&out).map_err(|e| coded(e.code(), e))?;
    let entries = audit.entries().map_err(|e| coded(e.code(), e))?;
    let is_wanted = |entry: &&AuditEntry| {
        let is_action = arguments.action.is_empty() || arguments.action.iter().any(|a| a.name() == entry.action);
        is_action && arguments.subject.as_ref().is_none_or(|subject| *subject == entry.subject)
    };
    let mut out = BufWriter::new(stdout().lock());
    let write = |entry| if arguments.json { write_json(&mut out, entry) } else { write_line(&mut out, entry) };
    let written = entries.iter().filter(is_wanted).try_for_each(write);
    allow_closed_pipe(written.and_then(|()| out.flush()))?;
    let broken: Vec<String> = entries.iter().filter(|e| !e.is_intact).map(|e| e.number.to_string()).collect();
    if !broken.is_empty() {
        let text = "not as they were recorded, or entries before them are missing";
        eprintln!("{}: entries {}: {text}", ErrorCode::LedgerAudit, broken.join(", "));
    }
    Ok(some_failed_if(!broken.is_empty()))
}

/// The text of a value; `-` without one.
fn value(value: Option<&String>) -> Cow<'_, str> {
    value.map_or(Cow::Borrowed("-"), |value| escaped(value))
}

fn write_line(out: &mut impl Write, entry: &AuditEntry) -> std::io::Result<()> {
    let AuditEntry { at, who, action, subject, before, after, is_intact, .. } = entry;
    let at = at.get(..19).map_or_else(|| at.clone(), |second| format!("{second}Z"));
    let mark = if *is_intact { "" } else { "  CHANGED" };
    let (who, action, subject) = (escaped(who), escaped(action), escaped(subject));
    writeln!(
        out,
        "{}  {who}  {action:<8}  {subject}  {} -> {}{mark}",
        escaped(&at),
        value(before.as_ref()),
        value(after.as_ref())
    )
}

fn write_json(out: &mut impl Write, entry: &AuditEntry) -> std::io::Result<()> {
    let AuditEntry { number, at, who, action, subject, before, after, octrls, is_intact, .. } = entry;
    let object = json!({
        "number": number, "at": at, "who": who, "action": action, "subject": subject, "before": before, "after": after,
        "octrls": octrls, "intact": is_intact,
    });
    writeln!(out, "{object}")
}
