//! The bytes of a data set: in the file, or inflated in memory (PS3.5, annex A.5).

use std::{
    fs::File,
    io::{Cursor, Error, ErrorKind, Read, Seek, SeekFrom, Take},
};

use flate2::read::DeflateDecoder;

use super::errors::ends_early;
use crate::{ReadError, sized_file::SizedFile};

/// A data set may inflate to this size whatever its own,
const FREE_BYTES: u64 = 64 << 20;
/// and so many times its size beyond that. Scans deflate to a tenth at best.
const INFLATION: u64 = 100;

/// The bytes of a data set.
pub(crate) enum Source {
    File(Take<File>),
    Memory(Cursor<Vec<u8>>),
}

impl Source {
    /// At most `limit` bytes of the data set of `file` that starts at `start`, and the length of the file. A `deflated`
    /// data set is inflated, and its own length returned.
    ///
    /// # Errors
    /// [`ReadError::Malformed`] if it cannot be inflated, or to an impossible size.
    pub(super) fn of(mut file: SizedFile, start: u64, deflated: bool, limit: u64) -> Result<(Self, u64), ReadError> {
        let bytes = file.bytes();
        if !deflated {
            return Ok((Self::File(file.into_file_at(start)?.take(limit)), bytes));
        }
        let compressed = file.read(start, bytes - start)?;
        let inflated = inflate(&compressed, limit)?;
        let length = inflated.len() as u64;
        Ok((Self::Memory(Cursor::new(inflated)), length))
    }
}

/// At most `limit` bytes that `compressed` inflates to.
pub(super) fn inflate(compressed: &[u8], limit: u64) -> Result<Vec<u8>, ReadError> {
    let most = FREE_BYTES.saturating_add(INFLATION.saturating_mul(compressed.len() as u64));
    let mut inflated = Vec::new();
    DeflateDecoder::new(compressed).take(limit.min(most + 1)).read_to_end(&mut inflated).map_err(|e| of_decoder(&e))?;
    if inflated.len() as u64 > most {
        return Err(ReadError::Malformed(format!("{} deflated bytes inflate to more than {most}", compressed.len())));
    }
    Ok(inflated)
}

fn of_decoder(error: &Error) -> ReadError {
    match error.kind() {
        ErrorKind::UnexpectedEof => ends_early(),
        _ => ReadError::Malformed(format!("deflated DICOM: {error}")),
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Memory(bytes) => bytes.seek(to),
        }
    }
}
