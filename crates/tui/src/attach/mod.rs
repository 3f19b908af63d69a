//! Attaches screens to an engine in another process, over a Unix socket.
//!
//! ```text
//!  engine ─► events ─► AttachServer ─┬─► socket ─► AttachClient ─► dashboard, plain, json
//!                                    └─► socket ─► AttachClient ─► …
//!         Controls ◄── requests ◄────────────────────────┘
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
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod protocol;
mod server;
mod validate;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use octrls_engine::STATE_FOLDER;

pub use client::{AttachClient, RemoteControls};
pub use error::AttachError;
pub use server::AttachServer;

/// File name of the socket.
pub const SOCKET: &str = "octrls.sock";

/// Path of the socket for the result folder `out`.
#[must_use]
pub fn socket_of(out: &Path) -> PathBuf {
    out.join(STATE_FOLDER).join(SOCKET)
}
