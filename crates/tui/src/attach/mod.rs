//! Attaching screens to an engine in another process, over a Unix socket.
//!
//! ```text
//!  engine ─► events ─► Hub ─┬─► client 1 ─ socket ─► Attached ─► dashboard, plain, json
//!                           └─► client 2 ─ socket ─► …
//!            controls ◄─────────── requests ◄─────────┘
//! ```
//!
//! A connection begins with a line of each version, which must be equal: both ends are the same program, and what travels is
//! its own events. Then the server sends messages and the client requests, each with its length in front (four bytes,
//! little-endian) and in postcard's encoding. The first messages are the state so far, its pictures, and a mark; from
//! then on every event of the engine follows.
//!
//! Who may connect is a matter of the socket's permissions. A client that does not read is cut off: it costs the engine
//! neither time nor more memory than its queue. What a client is sent is checked before it is shown.

mod client;
mod error;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hub;
mod sound;

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

pub use client::Attached;
pub(crate) use error::AttachError;
pub use hub::Hub;

use crate::state::Model;
use octrls_core::{segment::SegmentedBScan, serial};
use octrls_engine::{Event, STATE_FOLDER, ScanId};

/// Counts up with each change of what travels.
const PROTOCOL: u32 = 1;

/// Name of the socket in its folder.
pub const SOCKET: &str = "octrls.sock";

/// What the server sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    /// The state so far, without pixels.
    State(Box<Model>),
    /// The pixels of a B-scan in that state.
    Picture(ScanId, #[serde(with = "serial::bscan")] Arc<SegmentedBScan>),
    /// The state is complete.
    Live,
    /// What happened since.
    Event(Box<Event>),
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Request {
    Drain,
    Abort,
    Pause(bool),
    Rescan,
    Retry(ScanId),
}

/// The socket that belongs to the result folder `out`.
pub fn socket_of(out: &Path) -> std::path::PathBuf {
    out.join(STATE_FOLDER).join(SOCKET)
}

#[cfg(test)]
mod tests;
