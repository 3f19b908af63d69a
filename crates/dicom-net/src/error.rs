//! Errors of DICOM networking.

use std::{io, net::SocketAddr, path::PathBuf};

use octrls_core::ErrorCode;

use super::address::{Target, WebAddress};

/// An error of DICOM networking. Each kind has a stable [`code`](NodeError::code).
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Other machines can reach the address, but no calling titles are allowed explicitly.
    #[error(
        "other machines can reach {address}; name the AE titles that may connect: --allow-ae or --receive-allow-ae"
    )]
    Unrestricted {
        /// The address to listen at.
        address: SocketAddr,
    },
    /// Listening at the address failed.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The folder for received instances cannot be used.
    #[error("cannot receive into {path}: {source}", path = path.display())]
    Inbox {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another process receives into the same folder.
    #[error("another octrls receives into {path}", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The target cannot be reached.
    #[error("cannot reach {target}: {source}")]
    Connect {
        /// The target.
        target: Target,
        /// The system's error.
        source: io::Error,
    },
    /// The target rejected the association.
    #[error("{target} rejects the association: {reason}")]
    Rejected {
        /// The target.
        target: Target,
        /// The target's reason.
        reason: String,
        /// Whether it may accept later.
        transient: bool,
    },
    /// There is no common TLS, or a certificate is not accepted.
    #[error("cannot speak TLS with {target}: {reason}")]
    Tls {
        /// The target.
        target: Target,
        /// The reason.
        reason: String,
    },
    /// A DICOMweb service cannot be reached, or did not store an object.
    #[error("{address}: {reason}")]
    Web {
        /// The service.
        address: WebAddress,
        /// The reason.
        reason: String,
        /// Stable code.
        code: ErrorCode,
        /// Whether a retry may succeed.
        is_transient: bool,
    },
    /// The association broke off.
    #[error("the association with {target} broke off: {reason}")]
    Broken {
        /// The target.
        target: Target,
        /// The reason.
        reason: String,
    },
    /// The target answered with a failure.
    #[error("{target} returned status {status:#06x}, {comment:?}")]
    Status {
        /// The target.
        target: Target,
        /// The status (PS3.7, annex C).
        status: u16,
        /// The target's comment; may be empty.
        comment: String,
    },
    /// A local file cannot be read, sent or written.
    #[error("cannot use the file: {0}")]
    File(String),
    /// The file was not tried.
    #[error("not sent: {0}")]
    Unsent(String),
    /// The target does not accept this kind of object.
    #[error("the target does not accept {what}: {reason}")]
    NotAccepted {
        /// SOP class and transfer syntax.
        what: String,
        /// The target's reason.
        reason: String,
    },
}

impl NodeError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unrestricted { .. } => ErrorCode::NodeOpen,
            Self::Listen { .. } => ErrorCode::NodeListen,
            Self::Inbox { .. } => ErrorCode::NodeInbox,
            Self::Locked { .. } => ErrorCode::NodeLocked,
            Self::Thread(_) => ErrorCode::NodeThread,
            Self::Connect { .. } => ErrorCode::NodeConnect,
            Self::Rejected { .. } => ErrorCode::NodeRejected,
            Self::Broken { .. } => ErrorCode::NodeBroken,
            Self::Tls { .. } => ErrorCode::NodeTls,
            Self::Web { code, .. } => *code,
            Self::Status { .. } => ErrorCode::NodeStatus,
            Self::File(_) => ErrorCode::NodeFile,
            Self::Unsent(_) => ErrorCode::NodeUnsent,
            Self::NotAccepted { .. } => ErrorCode::NodeNotTaken,
        }
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Broken { .. } | Self::Unsent(_) => true,
            Self::Rejected { transient, .. } => *transient,
            Self::Web { is_transient, .. } => *is_transient,
            // A7xx: out of resources (PS3.4, table B.2-1).
            Self::Status { status, .. } => *status >> 8 == 0xa7,
            _ => false,
        }
    }
}
