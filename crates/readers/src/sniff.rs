//! Reads the start of a file to recognise its format.

use std::{fs::File, io::Read, path::Path};

use crate::ReadError;

/// Bytes read to recognise a format; a `.vol` header is the longest.
const SNIFF_BYTES: u64 = 2048;

/// The first bytes of a file, at most as many as recognition needs.
pub(crate) fn first_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    // Opening a pipe would block until a writer appears.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(ReadError::Unsupported("a folder or a device, not a file".to_owned()));
    }
    let mut start = Vec::new();
    File::open(path).map_err(io)?.take(SNIFF_BYTES).read_to_end(&mut start).map_err(io)?;
    if start.is_empty() { Err(ReadError::Empty) } else { Ok(start) }
}
