//! Attaches screens to an engine in another process, over a Unix socket.
//!
//! ```text
//!  engine ─► events ─► Hub ─┬─► client 1 ─ socket ─► Attached ─► dashboard, plain, json
//!                           └─► client 2 ─ socket ─► …
//!            controls ◄─────────── requests ◄─────────┘
//! ```
//!
//! Each side first sends a greeting with its version. The versions must be equal, since the messages are the program's
//! own events. Then the server sends messages and the client sends requests, each with a length prefix (four bytes,
//! little-endian) and in postcard's encoding. The first messages are the engine's state, its images, and a mark; then
//! every event of the engine follows.
//!
//! The socket's permissions decide who may connect. A client that does not read is disconnected: it costs the engine
//! no time, and no more memory than its queue. The client checks all data before showing it.

mod client;
mod error;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hub;
mod validate;

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

pub use client::Attached;
pub(crate) use error::AttachError;
pub use hub::Hub;

use crate::state::Model;
use octrls_core::segment::SegmentedBScan;
use octrls_engine::{Event, STATE_FOLDER, ScanId};

/// Version of the messages; increment it with each change.
const PROTOCOL: u32 = 1;

/// File name of the socket.
pub const SOCKET: &str = "octrls.sock";

/// A message of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    /// The engine's state, without pixels.
    State(Box<Model>),
    /// The pixels of a B-scan in that state.
    Picture(ScanId, Arc<SegmentedBScan>),
    /// The state is complete.
    Live,
    /// A later event.
    Event(Box<Event>),
}

/// A request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Request {
    Drain,
    Abort,
    Pause(bool),
    Rescan,
    Retry(ScanId),
}

/// Path of the socket for the result folder `out`.
pub fn socket_of(out: &Path) -> std::path::PathBuf {
    out.join(STATE_FOLDER).join(SOCKET)
}

#[cfg(test)]
mod tests;
