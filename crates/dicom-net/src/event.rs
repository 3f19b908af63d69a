//! Events of the listening node.
//!
//! Their texts never identify a patient. An instance UID leads to the patient within an archive, so it is shown only on
//! request.

use std::{fmt, net::SocketAddr};

use octrls_core::ErrorCode;
use octrls_engine::Level;

use super::AeTitle;

/// A calling node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Remote address of the connection.
    pub address: SocketAddr,
    /// Calling title, printable characters only; empty before the association request.
    pub title: String,
}

/// How an association ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssociationEnd {
    /// The peer released it.
    Released,
    /// The peer aborted it or closed the connection.
    Closed,
    /// We aborted it, for this reason.
    Aborted(String),
}

/// An event of the listening node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// The node is up.
    Listening {
        /// Its address.
        address: SocketAddr,
        /// Its title.
        title: AeTitle,
    },
    /// A connection got no association.
    TurnedAway {
        /// The sender.
        peer: Peer,
        /// The reason.
        reason: String,
    },
    /// An instance is stored in the folder.
    Stored {
        /// The sender.
        peer: Peer,
        /// Length of the data set.
        bytes: u64,
        /// File name, which contains the SOP instance UID.
        name: String,
        /// Whether it was stored before.
        duplicate: bool,
    },
    /// An instance was refused.
    Refused {
        /// The sender.
        peer: Peer,
        /// The status returned to the sender.
        status: u16,
        /// The reason.
        reason: String,
    },
    /// An association ended.
    Ended {
        /// The sender.
        peer: Peer,
        /// Number of stored instances, including those stored before.
        stored: u64,
        /// Number of refused instances.
        refused: u64,
        /// How it ended.
        end: AssociationEnd,
    },
}

impl NodeEvent {
    /// Severity of the event.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::TurnedAway { .. } | Self::Refused { .. } | Self::Ended { end: AssociationEnd::Aborted(_), .. } => {
                Level::Warning
            }
            _ => Level::Info,
        }
    }

    /// Stable code of a warning.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::TurnedAway { .. } => Some(ErrorCode::NodeTurnedAway),
            Self::Refused { .. } => Some(ErrorCode::NodeRefused),
            Self::Ended { end: AssociationEnd::Aborted(_), .. } => Some(ErrorCode::NodeAborted),
            _ => None,
        }
    }

    /// Name of the stored file. Not part of the text, since it leads to a patient.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        if let Self::Stored { name, .. } = self { Some(name) } else { None }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer={}", self.address)?;
        if self.title.is_empty() { Ok(()) } else { write!(f, " ae={:?}", self.title) }
    }
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { address, title } => write!(f, "listening at={address} ae={:?}", title.as_str()),
            Self::TurnedAway { peer, reason } => write!(f, "turned-away {peer} reason={reason:?}"),
            Self::Stored { peer, bytes, duplicate, .. } => {
                let word = if *duplicate { "known" } else { "stored" };
                write!(f, "{word} {peer} bytes={bytes}")
            }
            Self::Refused { peer, status, reason } => {
                write!(f, "refused {peer} status={status:#06x} reason={reason:?}")
            }
            Self::Ended { peer, stored, refused, end } => {
                write!(f, "association {peer} stored={stored} refused={refused} end=")?;
                match end {
                    AssociationEnd::Released => f.write_str("released"),
                    AssociationEnd::Closed => f.write_str("left"),
                    AssociationEnd::Aborted(reason) => write!(f, "aborted reason={reason:?}"),
                }
            }
        }
    }
}
