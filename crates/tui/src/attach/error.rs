//! Errors of the attach socket.

use std::{
    io,
    path::{Path, PathBuf},
};

use octrls_core::ErrorCode;

/// An error of the attach socket. Each kind has a stable [`code`](AttachError::code).
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The socket cannot be created.
    #[error("cannot create the socket {path}: {source}", path = path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Nothing listens at the socket.
    #[error("{}", not_connected(.path, .source))]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The peer runs another version, or another program.
    #[error("the watcher answers `{theirs}`, this octrls expects `{ours}`; both must have the same version")]
    Version {
        /// The peer's greeting.
        theirs: String,
        /// The expected greeting.
        ours: String,
    },
    /// The server has no room for another client.
    #[error("too many screens are attached; close one")]
    Busy,
    /// A message is invalid.
    #[error("invalid data from the socket: {0}")]
    Malformed(String),
    /// The connection broke, or the peer closed it.
    #[error("{}", lost(.0))]
    Lost(io::Error),
}

// Not by `#[from]`: the error would be its source as well, and be printed twice.
impl From<io::Error> for AttachError {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

fn not_connected(path: &Path, source: &io::Error) -> String {
    let path = path.display();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("no watcher is running at {path}; give the results folder of a running one: {source}")
        }
        _ => format!("cannot connect to a watcher at {path}: {source}"),
    }
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the watcher has stopped or closed the connection".to_owned()
        }
        _ => format!("the connection to the watcher failed: {error}"),
    }
}

impl AttachError {
    /// Stable error code, for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Socket { .. } => ErrorCode::AttachSocket,
            Self::Connect { .. } => ErrorCode::AttachConnect,
            Self::Version { .. } => ErrorCode::AttachVersion,
            Self::Busy => ErrorCode::AttachBusy,
            Self::Malformed(_) => ErrorCode::AttachMalformed,
            Self::Lost(_) => ErrorCode::AttachLost,
        }
    }
}
