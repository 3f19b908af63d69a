//! Why nothing can be attached.

use std::{io, path::PathBuf};

/// Why a screen could not be attached. Each kind has a stable [`code`](AttachError::code).
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The socket cannot be made.
    #[error("no screen can attach at {path}: {source}", path = path.display())]
    Socket {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody listens.
    #[error("nothing to attach to at {path}: {source}", path = path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The other end is another version, or no octrls at all.
    #[error("the other end speaks `{theirs}`, this octrls `{ours}`: both must be of one version")]
    Version {
        /// What the other end said.
        theirs: String,
        /// What it should have said.
        ours: String,
    },
    /// All places are taken.
    #[error("as many screens are attached as may be")]
    Busy,
    /// What came is not what a server sends.
    #[error("what came over the socket cannot be read: {0}")]
    Malformed(String),
    /// The connection broke, or the other end cut it.
    #[error("the connection is lost: {0}")]
    Lost(#[from] io::Error),
}

impl AttachError {
    /// A code that stays the same across versions, for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Socket { .. } => "E-ATTACH-SOCKET",
            Self::Connect { .. } => "E-ATTACH-CONNECT",
            Self::Version { .. } => "E-ATTACH-VERSION",
            Self::Busy => "E-ATTACH-BUSY",
            Self::Malformed(_) => "E-ATTACH-MALFORMED",
            Self::Lost(_) => "E-ATTACH-LOST",
        }
    }
}
