//! Errors of the queue.

use std::{io, path::PathBuf};

use octrls_core::ErrorCode;

/// An error of the queue. Each kind has a stable [`code`](FleetError::code). No text contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The server rejects the login.
    #[error("{server} rejects the login: {reason}")]
    Denied {
        /// The server.
        server: String,
        /// The server's reason.
        reason: String,
    },
    /// The connection fails in a way that retrying cannot fix.
    #[error("cannot connect to {server}: {reason}")]
    Connect {
        /// The server.
        server: String,
        /// The reason.
        reason: String,
    },
    /// A file of credentials or certificates cannot be used.
    #[error("cannot use {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's or the parser's error.
        source: io::Error,
    },
    /// The scratch folder, the shared folder or the watcher's name file cannot be used.
    #[error("cannot use {path}: {source}", path = path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl FleetError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Denied { .. } => ErrorCode::FleetDenied,
            Self::Connect { .. } => ErrorCode::FleetConnect,
            Self::File { .. } => ErrorCode::FleetFile,
            Self::Folder { .. } => ErrorCode::FleetFolder,
            Self::Thread(_) => ErrorCode::FleetThread,
        }
    }
}

/// An error with its causes, each once.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}
