//! DICOM networking: receives scans into a folder and sends results to an archive.
//!
//! | service | role | here |
//! | --- | --- | --- |
//! | C-ECHO | provider and user | [`Listener`], [`echo`] |
//! | C-STORE | provider | [`Listener`]: only complete instances appear in the folder |
//! | C-STORE | user | [`send`]: files are sent as stored, never transcoded |
//! | STOW-RS | user | [`store_by_web`]: likewise, to a DICOMweb service |
//!
//! `docs/network.md` is the conformance statement. Connections are encrypted and authenticated with TLS only; AE titles
//! authenticate nobody.
//!
//! We use dicom-ul only to encode protocol data units (PDUs). Its associations have no time limit for a whole PDU, and
//! allocate as much memory as the peer declares.

mod address;
mod association;
mod command;
mod connection;
mod delivery;
mod error;
mod event;
mod inbox;
mod listener;
mod negotiation;
mod refusal;
mod seats;
mod send;
mod send_options;
mod session;
mod stop;
mod tls;
mod transport;
mod web;

pub use address::{AddressError, AeTitle, Destination, Target, WebAddress};
pub use delivery::{DeliveringProcessor, DeliveryQueue, DeliveryWorker, ResultSender, Undelivered, is_delivered};
pub use error::NodeError;
pub use event::{AssociationEnd, NodeEvent, Peer};
pub use listener::{Listener, ListenerOptions};
pub use send::{SendOutcome, echo, send};
pub use send_options::SendOptions;
pub use stop::Stop;
pub use tls::{ClientTls, ServerTls, TlsError, TlsFiles};
pub use web::{check as check_web, store as store_by_web};

use octrls_readers::dicom::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, uid};

/// Longest protocol data unit accepted from peers, in bytes.
const MAX_PDU: u32 = 128 * 1024;
