//! Changes of the ledger that screens ask for, made by whoever owns the results.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Sender, unbounded};
use jiff::Timestamp;
use octrls_core::{ErrorCode, measure::enface::CentreSource, scan::Place};
use octrls_engine::{
    AuditAction, AuditChange, AuditLog, CorrectionOptions, Corrector, History, LedgerAdmin, LedgerAdminError, Level,
    Redo, Review, ReviewState, correct, edited_lines, is_in_use,
};
use octrls_report::{LineStretch, StoredResult};
use serde::{Deserialize, Serialize};

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LedgerChange {
    /// Process the scan at this path, below the root, again; out of quarantine if it is there.
    Redo {
        /// The path with `/` between folders.
        path: String,
    },
    /// Review the result of the scan at this path, below the root.
    Review {
        /// The path with `/` between folders.
        path: String,
        /// What was decided.
        state: ReviewState,
        /// Who decided it.
        reviewer: String,
        /// Why.
        comment: String,
    },
    /// Correct the lines of the scan at this path, below the root.
    Correct {
        /// The path with `/` between folders.
        path: String,
        /// When the result was made on which the lines were edited.
        created: Timestamp,
        /// The edited lines.
        stretches: Vec<LineStretch>,
        /// Who corrected them.
        reviewer: String,
        /// Why.
        comment: String,
    },
    /// State the fovea of the scan at this path, below the root, by hand.
    Recentre {
        /// The path with `/` between folders.
        path: String,
        /// Its place; `None` to look for it again.
        centre: Option<Place>,
    },
}

/// How corrected results are made anew.
#[derive(Clone, Debug, Default)]
pub struct Corrections {
    /// What is written for them.
    pub options: CorrectionOptions,
    /// Where the measures of a visit are stored.
    pub history: Option<Arc<History>>,
}

/// A thread that makes changes, so that no screen waits for the ledger.
#[derive(Clone, Debug)]
pub struct LedgerChanges(Sender<LedgerChange>);

impl LedgerChanges {
    /// Starts the thread for the results folder `out`. `notify` is told the outcome of each change.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(
        out: &Path,
        corrections: Corrections,
        notify: impl Fn(Level, Option<ErrorCode>, String) + Send + 'static,
    ) -> io::Result<Self> {
        let out: PathBuf = out.to_owned();
        let (sender, changes) = unbounded();
        let work = move || {
            for change in changes {
                let (level, code, text) = make(&out, &corrections, change);
                notify(level, code, text);
            }
        };
        thread::Builder::new().name("octrls-ledger".into()).spawn(work)?;
        Ok(Self(sender))
    }

    /// Makes a change soon.
    pub fn make(&self, change: LedgerChange) {
        // Fails only after the thread has ended.
        let _ = self.0.send(change);
    }
}

/// The outcome of a change.
type Outcome = (Level, Option<ErrorCode>, String);

fn failed(code: ErrorCode, reason: String) -> Outcome {
    (Level::Error, Some(code), reason)
}

fn make(out: &Path, corrections: &Corrections, change: LedgerChange) -> Outcome {
    let mut ledger = match LedgerAdmin::open(out) {
        Ok(ledger) => ledger,
        Err(error) => return failed(error.code(), error.to_string()),
    };
    match change {
        LedgerChange::Redo { path } => match ledger.redo(Path::new(&path)) {
            Ok(Redo::Asked) => (Level::Info, None, format!("{path} will be processed again")),
            Ok(Redo::Running) => (Level::Warning, None, format!("{path} is running")),
            Ok(Redo::Gone) => (Level::Warning, None, format!("{path} is no longer in the watched folders")),
            Ok(Redo::Unknown) => (Level::Warning, None, format!("{path} is not in the ledger")),
            Err(error) => failed(error.code(), error.to_string()),
        },
        LedgerChange::Review { path, state, reviewer, comment } => {
            let review = match Review::new(state, &reviewer, &comment) {
                Ok(review) => review,
                Err(error) => return failed(ErrorCode::ReviewText, error.to_string()),
            };
            match ledger.review(Path::new(&path), &review) {
                // The comment may name a patient.
                Ok(()) => (Level::Info, None, format!("{path} {} by {}", state.name(), review.reviewer)),
                Err(error) => failed(error.code(), error.to_string()),
            }
        }
        LedgerChange::Correct { path, created, stretches, reviewer, comment } => {
            let who = Corrector { reviewer: &reviewer, comment: &comment };
            let edit = |result: &StoredResult| edited_lines(result, created, &stretches);
            let history = corrections.history.as_deref();
            match correct((out, &mut ledger), Path::new(&path), edit, who, &corrections.options, history) {
                Ok(corrected) => {
                    let change = AuditChange {
                        action: AuditAction::Lines,
                        subject: &path,
                        before: None,
                        after: Some(&corrected.words),
                    };
                    recorded(out, &change, format!("{path}: {}", corrected.words))
                }
                Err(error) => failed(error.code(), error.to_string()),
            }
        }
        LedgerChange::Recentre { path, centre } => recentre(out, &ledger, &path, centre),
    }
}

/// Says `done` if the change is in the audit.
fn recorded(out: &Path, change: &AuditChange<'_>, done: String) -> Outcome {
    match AuditLog::open(out).and_then(|mut audit| audit.record(change)) {
        Ok(()) => (Level::Info, None, done),
        Err(error) => failed(error.code(), format!("{done} {error}")),
    }
}

/// States the centre of a scan; a watcher makes its results anew. That would drop lines that a person corrected, so
/// these are not touched.
fn recentre(out: &Path, ledger: &LedgerAdmin, path: &str, centre: Option<Place>) -> Outcome {
    let name = Path::new(path);
    let entries = match ledger.entries_at(name) {
        Ok(entries) => entries,
        Err(error) => return failed(error.code(), error.to_string()),
    };
    let folder = entries.into_iter().rev().find_map(|entry| entry.result);
    let Some(folder) = folder else {
        let error = LedgerAdminError::NoResult { path: name.to_owned() };
        return failed(error.code(), error.to_string());
    };
    let result = match StoredResult::open(&out.join(folder)) {
        Ok(result) => result,
        Err(error) => return failed(error.code(), error.to_string()),
    };
    if result.is_corrected() {
        let reason = "its lines were corrected by hand; state the centre first, then correct the lines";
        return failed(ErrorCode::CorrectLines, format!("{path}: {reason}"));
    }
    if let Err(error) = ledger.recentre(name, centre) {
        return failed(error.code(), error.to_string());
    }
    let text = |place: Place| format!("{},{}", place.x, place.y);
    let before = result.centre().filter(|centre| centre.from == CentreSource::Stated).map(|centre| text(centre.place));
    let after = centre.map(text);
    let change =
        AuditChange { action: AuditAction::Centre, subject: path, before: before.as_deref(), after: after.as_deref() };
    let next = if is_in_use(out) { "its results are made anew" } else { "the next watcher makes its results anew" };
    recorded(out, &change, format!("{path}: the centre is stated; {next}"))
}
