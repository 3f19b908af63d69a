//! Errors of the queue.

use std::{io, path::PathBuf};

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
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => code::DENIED,
            Self::Connect { .. } => "E-FLEET-CONNECT",
            Self::File { .. } => "E-FLEET-FILE",
            Self::Folder { .. } => "E-FLEET-FOLDER",
            Self::Thread(_) => "E-FLEET-THREAD",
        }
    }
}

/// Error codes of queue and jobs.
pub(super) mod code {
    /// The server cannot be reached; work waits.
    pub(crate) const AWAY: &str = "E-FLEET-AWAY";
    /// The server rejects the login.
    pub(crate) const DENIED: &str = "E-FLEET-DENIED";
    /// The server rejects an operation; work waits.
    pub(crate) const QUEUE: &str = "E-FLEET-QUEUE";
    /// The job is invalid.
    pub(crate) const JOB: &str = "E-FLEET-JOB";
    /// The scan is missing, or differs from its job.
    pub(crate) const SCAN: &str = "E-FLEET-SCAN";
    /// A worker's results are invalid.
    pub(crate) const RESULT: &str = "E-FLEET-RESULT";
    /// Too many workers took the job and none finished it.
    pub(crate) const DELIVERIES: &str = "E-FLEET-DELIVERIES";
    /// Too many scans of a worker are stuck; the worker stops.
    pub(crate) const STUCK: &str = "E-FLEET-STUCK";
}
