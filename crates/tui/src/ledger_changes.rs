//! Changes of the ledger that screens ask for, made by whoever owns the results.

use std::{
    io,
    path::{Path, PathBuf},
    thread,
};

use crossbeam_channel::{Sender, unbounded};
use octrls_core::ErrorCode;
use octrls_engine::{LedgerAdmin, Level, Redo, Review, ReviewState};
use serde::{Deserialize, Serialize};

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A thread that makes changes, so that no screen waits for the ledger.
#[derive(Clone, Debug)]
pub struct LedgerChanges(Sender<LedgerChange>);

impl LedgerChanges {
    /// Starts the thread for the results folder `out`. `notify` is told the outcome of each change.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(out: &Path, notify: impl Fn(Level, Option<ErrorCode>, String) + Send + 'static) -> io::Result<Self> {
        let out: PathBuf = out.to_owned();
        let (sender, changes) = unbounded();
        let work = move || {
            for change in changes {
                let (level, code, text) = make(&out, &change);
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

fn make(out: &Path, change: &LedgerChange) -> (Level, Option<ErrorCode>, String) {
    let failed = |code: ErrorCode, reason: String| (Level::Error, Some(code), reason);
    let mut ledger = match LedgerAdmin::open(out) {
        Ok(ledger) => ledger,
        Err(error) => return failed(error.code(), error.to_string()),
    };
    match change {
        LedgerChange::Redo { path } => match ledger.redo(Path::new(path)) {
            Ok(Redo::Asked) => (Level::Info, None, format!("{path} will be processed again")),
            Ok(Redo::Running) => (Level::Warning, None, format!("{path} is running")),
            Ok(Redo::Gone) => (Level::Warning, None, format!("{path} is no longer in the watched folders")),
            Ok(Redo::Unknown) => (Level::Warning, None, format!("{path} is not in the ledger")),
            Err(error) => failed(error.code(), error.to_string()),
        },
        LedgerChange::Review { path, state, reviewer, comment } => {
            let review = match Review::new(*state, reviewer, comment) {
                Ok(review) => review,
                Err(error) => return failed(ErrorCode::ReviewText, error.to_string()),
            };
            match ledger.review(Path::new(path), &review) {
                // The comment may name a patient.
                Ok(()) => (Level::Info, None, format!("{path} {} by {}", state.name(), review.reviewer)),
                Err(error) => failed(error.code(), error.to_string()),
            }
        }
    }
}
