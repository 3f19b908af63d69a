//! Errors of the engine at its start.

use octrls_core::ErrorCode;
use std::{io, path::PathBuf};

use super::ledger::LedgerError;

/// Why the engine cannot start. Each variant has a stable [`code`](EngineError::code).
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A watched folder is missing or not a folder.
    #[error("cannot watch {path}: {source}", path = path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The results folder cannot be written.
    #[error("cannot write results to {path}: {source}", path = path.display())]
    Out {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The results folder contains a watched folder, so results would be taken for scans.
    #[error("the results folder {path} is or contains a watched folder; choose another", path = path.display())]
    OutHoldsRoot {
        /// The results folder.
        path: PathBuf,
    },
    /// Several folders cannot be watched together.
    #[error("cannot watch these folders together: {problem}")]
    Roots {
        /// Why.
        problem: String,
    },
    /// A file name pattern is invalid.
    #[error("invalid pattern \"{pattern}\": {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another engine uses the same results folder.
    #[error("another octrls is using {path}", path = path.display())]
    Locked {
        /// The results folder.
        path: PathBuf,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl EngineError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Root { .. } => ErrorCode::EngineRoot,
            Self::Out { .. } | Self::OutHoldsRoot { .. } => ErrorCode::EngineOut,
            Self::Roots { .. } => ErrorCode::EngineRoots,
            Self::Pattern { .. } => ErrorCode::EnginePattern,
            Self::Locked { .. } => ErrorCode::EngineLocked,
            Self::Ledger(error) => error.code(),
            Self::Thread(_) => ErrorCode::EngineThread,
        }
    }
}
