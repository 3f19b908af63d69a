//! The wire format of the socket: greeting and length-prefixed frames.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

use super::{error::AttachError, protocol::PROTOCOL};

/// Longest greeting, in bytes.
const MAX_GREETING_BYTES: usize = 128;

/// The greeting of a server that has no room for another client.
pub(super) const BUSY: &str = "octrls attach busy";

/// Longest message of a server, in bytes: the largest B-scan with its boundaries and profiles.
pub(super) const MAX_MESSAGE_BYTES: usize = 320 << 20;

/// Longest request of a client, in bytes: the corrected lines of a whole volume of 128 B-scans of 1024 A-scans.
pub(super) const MAX_REQUEST_BYTES: usize = 8 << 20;

/// The greeting of this version.
pub(super) fn greeting() -> String {
    format!("octrls attach {PROTOCOL} {}", env!("CARGO_PKG_VERSION"))
}

/// Sends a greeting.
pub(super) fn greet(mut stream: impl Write, greeting: &str) -> io::Result<()> {
    stream.write_all(format!("{greeting}\n").as_bytes())
}

/// Reads the peer's greeting, which must equal ours.
pub(super) fn expect_greeting(stream: &mut impl Read) -> Result<(), AttachError> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < MAX_GREETING_BYTES && byte != *b"\n" {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    let theirs = String::from_utf8_lossy(&line).trim_end().replace(char::is_control, "?");
    let ours = greeting();
    match theirs {
        theirs if theirs == ours => Ok(()),
        theirs if theirs == BUSY => Err(AttachError::Busy),
        theirs => Err(AttachError::Version { theirs, ours }),
    }
}

/// Writes one frame.
pub(super) fn send(stream: &mut impl Write, content: &impl Serialize) -> io::Result<()> {
    let mut bytes = postcard::to_extend(content, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    stream.write_all(&bytes)
}

/// Reads one frame of at most `max_bytes` bytes. The buffer grows with the data received, not by the declared length.
pub(super) fn receive<T: DeserializeOwned>(stream: &mut impl Read, max_bytes: usize) -> Result<T, AttachError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > max_bytes {
        return Err(AttachError::Malformed(format!("a message of {length} bytes")));
    }
    let mut bytes = Vec::new();
    let read = stream.take(length as u64).read_to_end(&mut bytes)?;
    if read < length {
        return Err(AttachError::Lost(io::ErrorKind::UnexpectedEof.into()));
    }
    match postcard::take_from_bytes(&bytes) {
        Ok((content, [])) => Ok(content),
        Ok(_) => Err(AttachError::Malformed("extra bytes after a message".to_owned())),
        Err(error) => Err(AttachError::Malformed(error.to_string())),
    }
}
