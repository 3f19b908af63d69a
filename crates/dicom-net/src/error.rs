//! Why a node could not work.

use std::{io, net::SocketAddr, path::PathBuf};

use super::Target;

/// Why a node could not work. Each kind has a stable [`code`](NodeError::code).
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A title that no application entity can have.
    #[error("{text:?} is no title of an application entity: 1 to 16 ASCII characters")]
    Title {
        /// What was given.
        text: String,
    },
    /// A target that is none.
    #[error("{text:?} is no target; write TITLE@host:port")]
    Target {
        /// What was given.
        text: String,
    },
    /// Listening to other machines without saying whom to hear.
    #[error("{address} can be reached from other machines; name the calling titles that are allowed")]
    Open {
        /// The address to listen at.
        address: SocketAddr,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The folder for what arrives cannot be used.
    #[error("cannot receive into {path}: {source}", path = path.display())]
    Inbox {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process receives into the same folder.
    #[error("another octrls is receiving into {path}", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The system gave no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The target cannot be reached.
    #[error("cannot reach {target}: {source}")]
    Connect {
        /// The target.
        target: Target,
        /// What the system said.
        source: io::Error,
    },
    /// The target refused the association.
    #[error("{target} refuses the association: {reason}")]
    Rejected {
        /// The target.
        target: Target,
        /// Its reason.
        reason: String,
        /// Whether it may accept later.
        transient: bool,
    },
    /// The association ended before its work was done.
    #[error("the association with {target} broke off: {reason}")]
    Broken {
        /// The target.
        target: Target,
        /// What happened.
        reason: String,
    },
    /// The target answered with a failure.
    #[error("{target} answers with status {status:#06x}, {comment:?}")]
    Status {
        /// The target.
        target: Target,
        /// The status (PS3.7, annex C).
        status: u16,
        /// What it says of it, if anything.
        comment: String,
    },
    /// A file cannot be sent as it is.
    #[error("not to be sent: {0}")]
    File(String),
    /// The file's turn did not come.
    #[error("not sent: {0}")]
    Unsent(String),
    /// The target does not take such objects.
    #[error("the target does not take {what}: {reason}")]
    NotTaken {
        /// SOP class and transfer syntax.
        what: String,
        /// Its reason.
        reason: String,
    },
}

impl NodeError {
    /// A code that stays the same across versions.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Title { .. } => "E-NODE-TITLE",
            Self::Target { .. } => "E-NODE-TARGET",
            Self::Open { .. } => "E-NODE-OPEN",
            Self::Listen { .. } => "E-NODE-LISTEN",
            Self::Inbox { .. } => "E-NODE-INBOX",
            Self::Locked { .. } => "E-NODE-LOCKED",
            Self::Thread(_) => "E-NODE-THREAD",
            Self::Connect { .. } => "E-NODE-CONNECT",
            Self::Rejected { .. } => "E-NODE-REJECTED",
            Self::Broken { .. } => "E-NODE-BROKEN",
            Self::Status { .. } => "E-NODE-STATUS",
            Self::File(_) => "E-NODE-FILE",
            Self::Unsent(_) => "E-NODE-UNSENT",
            Self::NotTaken { .. } => "E-NODE-NOT-TAKEN",
        }
    }

    /// Whether another try may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Broken { .. } | Self::Unsent(_) => true,
            Self::Rejected { transient, .. } => *transient,
            // A7xx: out of resources (PS3.4, table B.2-1).
            Self::Status { status, .. } => *status >> 8 == 0xa7,
            _ => false,
        }
    }
}
