//! What happens at the listening node.
//!
//! No text carries an identifier of a patient. The identifier of an instance leads to one within an archive, so it is
//! shown only on request.

use std::{fmt, net::SocketAddr};

use super::AeTitle;
use octrls_engine::Level;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// The title by which it calls itself, printable; empty until it has.
    pub title: String,
}

/// How an association ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer released it.
    Released,
    /// The peer aborted it or hung up.
    Left,
    /// We ended it, for this reason.
    Aborted(String),
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// The node is up.
    Listening {
        /// Where.
        address: SocketAddr,
        /// As whom.
        title: AeTitle,
    },
    /// A connection got no association.
    TurnedAway {
        /// Whose.
        peer: Peer,
        /// Why.
        reason: String,
    },
    /// An instance is in the folder.
    Stored {
        /// Who sent it.
        peer: Peer,
        /// Length of its data set.
        bytes: u64,
        /// Name of its file, which is its identifier.
        name: String,
        /// Whether it was there before.
        known: bool,
    },
    /// An instance was refused.
    Refused {
        /// Who sent it.
        peer: Peer,
        /// The status that it was given.
        status: u16,
        /// Why.
        reason: String,
    },
    /// An association ended.
    Ended {
        /// Whose.
        peer: Peer,
        /// Instances stored, those that were there before included.
        stored: u64,
        /// Instances refused.
        refused: u64,
        /// How it ended.
        ending: Ending,
    },
}

impl NodeEvent {
    /// How serious it is.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::TurnedAway { .. } | Self::Refused { .. } | Self::Ended { ending: Ending::Aborted(_), .. } => {
                Level::Warning
            }
            _ => Level::Info,
        }
    }

    /// A stable code, where it is worth a look.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::TurnedAway { .. } => Some("W-NODE-TURNED-AWAY"),
            Self::Refused { .. } => Some("W-NODE-REFUSED"),
            Self::Ended { ending: Ending::Aborted(_), .. } => Some("W-NODE-ABORTED"),
            _ => None,
        }
    }

    /// Name of the file that it is about; a text for those who ask for it.
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
            Self::Stored { peer, bytes, known, .. } => {
                let word = if *known { "known" } else { "stored" };
                write!(f, "{word} {peer} bytes={bytes}")
            }
            Self::Refused { peer, status, reason } => {
                write!(f, "refused {peer} status={status:#06x} reason={reason:?}")
            }
            Self::Ended { peer, stored, refused, ending } => {
                write!(f, "association {peer} stored={stored} refused={refused} end=")?;
                match ending {
                    Ending::Released => f.write_str("released"),
                    Ending::Left => f.write_str("left"),
                    Ending::Aborted(reason) => write!(f, "aborted reason={reason:?}"),
                }
            }
        }
    }
}
