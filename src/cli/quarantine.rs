//! `octrls quarantine`: lists quarantined scans, retries them or deletes them.

use octrls_core::ErrorCode;
use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{SOME_FAILED, harmless, printed, steward};
use octrls_engine::{LedgerAdmin, LedgerAdminError, Quarantined};

#[derive(Args)]
pub(super) struct QuarantineArguments {
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
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object per scan
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ChoiceArguments {
    /// Scans, named as `octrls quarantine list` prints them
    #[arg(required_unless_present = "all", value_name = "PLACE")]
    places: Vec<PathBuf>,
    /// All quarantined scans
    #[arg(long, conflicts_with = "places")]
    all: bool,
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object per scan
    #[arg(long)]
    json: bool,
}

/// An action on a quarantined scan.
struct Deed {
    act: fn(&mut LedgerAdmin, &Quarantined) -> Result<(), LedgerAdminError>,
    /// Its outcome for a person.
    text: &'static str,
    /// Its outcome in JSON.
    word: &'static str,
}

const RETRY: Deed = Deed { act: LedgerAdmin::release, text: "will be processed again", word: "asked" };
const DROP: Deed = Deed { act: LedgerAdmin::drop_quarantined, text: "is deleted", word: "removed" };

pub(super) fn run(arguments: &QuarantineArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        QuarantineCommand::List(list) => {
            super::unless_unread(print(&steward(&list.out)?, list.json))?;
            Ok(ExitCode::SUCCESS)
        }
        QuarantineCommand::Retry(choice) => choice.each(&RETRY),
        QuarantineCommand::Drop(choice) => choice.each(&DROP),
    }
}

/// Retries every quarantined scan.
pub(super) fn release_all(steward: &mut LedgerAdmin, as_json: bool) -> ExitCode {
    let all = steward.quarantined();
    each(steward, &all, &RETRY, as_json)
}

fn print(steward: &LedgerAdmin, as_json: bool) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    for scan in steward.quarantined() {
        let (place, path) = (printed(steward.place_of(&scan)), printed(&scan.path));
        let Quarantined { moved, code, reason, attempts, sha256, time, .. } = &scan;
        if as_json {
            let object = json!({
                "place": place, "path": path, "moved": moved, "code": code, "reason": reason, "attempts": attempts,
                "sha256": sha256, "time": time,
            });
            writeln!(out, "{object}")?;
        } else {
            let stays = if *moved { "" } else { "  (not moved)" };
            let time = time.strftime("%Y-%m-%dT%H:%M:%SZ");
            writeln!(out, "{time}  {}  {}: {}{stays}", harmless(&place), harmless(code), harmless(reason))?;
        }
    }
    out.flush()
}

impl ChoiceArguments {
    fn each(&self, deed: &Deed) -> anyhow::Result<ExitCode> {
        let mut steward = steward(&self.out)?;
        let there = steward.quarantined();
        if self.all {
            return Ok(each(&mut steward, &there, deed, self.json));
        }
        let is = |scan: &Quarantined, place: &Path| steward.place_of(scan) == place || scan.place == place;
        let (mut chosen, mut missing) = (Vec::new(), false);
        for place in &self.places {
            let place = place.canonicalize().unwrap_or_else(|_| place.clone());
            let found = there.iter().find(|scan| is(scan, &place));
            if found.is_none() {
                missing = true;
                let place = printed(&place);
                let reason = format!("'{place}' is not in quarantine");
                tell(&place, Err((ErrorCode::QuarantineNone, reason)), self.json);
            }
            chosen.extend(found.cloned());
        }
        let code = each(&mut steward, &chosen, deed, self.json);
        Ok(if missing { ExitCode::from(SOME_FAILED) } else { code })
    }
}

fn each(steward: &mut LedgerAdmin, scans: &[Quarantined], deed: &Deed, as_json: bool) -> ExitCode {
    let mut failed = false;
    for scan in scans {
        let done = (deed.act)(steward, scan).map_err(|error| (error.code(), error.to_string()));
        failed |= done.is_err();
        tell(&printed(steward.place_of(scan)), done.map(|()| deed), as_json);
    }
    if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS }
}

/// Prints the outcome for the scan at `place`: the action, or a stable code and the reason.
fn tell(place: &str, done: Result<&Deed, (ErrorCode, String)>, as_json: bool) {
    match (done, as_json) {
        (Ok(deed), false) => println!("{}  {}", harmless(place), deed.text),
        (Ok(deed), true) => println!("{}", json!({ "place": place, "outcome": deed.word })),
        (Err((code, reason)), false) => eprintln!("{code}: {}", harmless(&reason)),
        (Err((code, reason)), true) => {
            println!("{}", json!({ "place": place, "outcome": "failed", "code": code, "reason": reason }));
        }
    }
}
