//! The chunks of a Topcon file.

use crate::{ReadError, little_endian::LittleEndian, sized_file::SizedFile};

const FIRST_CHUNK: u64 = 15;
/// Maximum chunks to follow; real files have about twenty.
const MAX_CHUNKS: usize = 4096;

/// A named part of the file.
pub(crate) struct Chunk {
    pub(crate) name: String,
    /// Offset of its content.
    pub(crate) at: u64,
    /// Bytes of its content.
    pub(crate) size: u64,
}

/// The chunks of `file`, in its order.
pub(crate) fn list_chunks(file: &SizedFile) -> Result<Vec<Chunk>, ReadError> {
    let mut chunks = Vec::new();
    let mut at = FIRST_CHUNK;
    while chunks.len() < MAX_CHUNKS {
        let name_length = u64::from(file.read(at, 1)?[0]);
        if name_length == 0 {
            return Ok(chunks);
        }
        let start = file.read(at + 1, name_length + 4)?;
        let (name, size) = start.split_at(name_length as usize);
        let (at_content, size) = (at + 1 + name_length + 4, u64::from(LittleEndian(size).u32(0)?));
        if at_content + size > file.length() {
            return Err(ReadError::Truncated(format!("a chunk of {size} bytes at byte {at} exceeds the file")));
        }
        let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
        chunks.push(Chunk { name, at: at_content, size });
        at = at_content + size;
    }
    Err(ReadError::Malformed("too many chunks".to_owned()))
}
