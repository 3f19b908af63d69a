//! DICOM by network: a node that receives scans into a folder, and one that sends results to an archive.
//!
//! | service | role | here |
//! | --- | --- | --- |
//! | C-ECHO | provider and user | [`Listener`], [`echo`] |
//! | C-STORE | provider | [`Listener`]: what arrives is in the folder whole, or not at all |
//! | C-STORE | user | [`send`]: files as they are stored, never transcoded |
//!
//! `docs/network.md` is the conformance statement. Nothing is encrypted, and a title of an application entity proves
//! nothing: the peers and the network between are to be trusted.
//!
//! Of dicom-ul only the encoding of protocol data units is used. Its associations know no deadline for a unit as a
//! whole, and take as much memory as the peer says.

mod address;
mod association;
mod command;
mod courier;
mod error;
mod event;
mod inbox;
mod listener;
mod negotiation;
mod sender;
mod session;
mod stop;
mod wire;

pub use address::{AeTitle, Target};
pub use courier::{Courier, Delivery, Outbox, delivered};
pub use error::NodeError;
pub use event::{Ending, NodeEvent, Peer};
pub use listener::{Listener, ListenerOptions};
pub use sender::{Outcome, SendOptions, echo, send};
pub use stop::Stop;

use octrls_readers::dicom::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, uid};

/// The longest protocol data unit that peers may send.
const MAX_PDU: u32 = 128 * 1024;
