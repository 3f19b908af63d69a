//! Why there is no fleet.

use std::{io, path::PathBuf};

/// Why a queue cannot be used. Each kind has a stable [`code`](FleetError::code). No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The server does not let us in.
    #[error("{server} does not let us in: {reason}")]
    Denied {
        /// Which server.
        server: String,
        /// What it said.
        reason: String,
    },
    /// The connection can never be made like this.
    #[error("cannot connect to {server}: {reason}")]
    Connect {
        /// Which server.
        server: String,
        /// Why.
        reason: String,
    },
    /// A file of credentials or certificates cannot be used.
    #[error("cannot use {path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system or the parser said.
        source: io::Error,
    },
    /// The folder for scans in hand, or the name of this box beside the results, cannot be made.
    #[error("cannot write {path}: {source}", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl FleetError {
    /// A code that stays the same across versions.
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

/// Codes of what goes wrong with a queue or a job.
pub(super) mod code {
    /// The server is away; work waits.
    pub(crate) const AWAY: &str = "E-FLEET-AWAY";
    /// The server does not let us in, or not any more.
    pub(crate) const DENIED: &str = "E-FLEET-DENIED";
    /// The server refuses something; work waits.
    pub(crate) const QUEUE: &str = "E-FLEET-QUEUE";
    /// A job that makes no sense.
    pub(crate) const JOB: &str = "E-FLEET-JOB";
    /// The scan is not what its job says, or cannot be found.
    pub(crate) const SCAN: &str = "E-FLEET-SCAN";
    /// What a worker sent for results is none.
    pub(crate) const RESULT: &str = "E-FLEET-RESULT";
    /// So many workers took the job, and each was gone before it was done.
    pub(crate) const DELIVERIES: &str = "E-FLEET-DELIVERIES";
    /// So many scans of a worker are stuck that it ends.
    pub(crate) const STUCK: &str = "E-FLEET-STUCK";
}
