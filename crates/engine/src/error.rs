//! Why the engine could not start.

use std::{io, path::PathBuf};

use super::ledger::LedgerError;

/// Why the engine could not start. Each kind has a stable [`code`](EngineError::code).
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder to watch is missing or no folder.
    #[error("cannot watch {path}: {source}", path = path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder for results cannot be written.
    #[error("cannot write results to {path}: {source}", path = path.display())]
    Out {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Results would lie among the scans, and be taken for scans.
    #[error("{path} is or holds the watched folder; results need a folder of their own", path = path.display())]
    OutHoldsRoot {
        /// The folder for results.
        path: PathBuf,
    },
    /// Several watched folders cannot be watched together.
    #[error("the watched folders do not go together: {problem}")]
    Roots {
        /// Why.
        problem: String,
    },
    /// A pattern of names is none.
    #[error("\"{pattern}\" is no pattern of names: {problem}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another engine works with the same folder for results.
    #[error("another octrls is working with {path}", path = path.display())]
    Locked {
        /// The folder for results.
        path: PathBuf,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The system gave no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl EngineError {
    /// A code that stays the same across versions, for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Root { .. } => "E-ENGINE-ROOT",
            Self::Out { .. } | Self::OutHoldsRoot { .. } => "E-ENGINE-OUT",
            Self::Roots { .. } => "E-ENGINE-ROOTS",
            Self::Pattern { .. } => "E-ENGINE-PATTERN",
            Self::Locked { .. } => "E-ENGINE-LOCKED",
            Self::Ledger(error) => error.code(),
            Self::Thread(_) => "E-ENGINE-THREAD",
        }
    }
}
