//! The bytes of a data set: in the file, or inflated in memory (PS3.5, annex A.5).

use std::io::{Cursor, Error, ErrorKind, Read, Seek, SeekFrom, Take};

use flate2::read::DeflateDecoder;

use super::errors::ends_early;
use crate::{ReadError, budget, sized_file::SizedFile};

/// A data set may inflate to this size whatever its own,
const FREE_BYTES: u64 = 64 << 20;
/// and so many times its size beyond that. Scans deflate to a tenth at best.
const INFLATION: u64 = 20;

/// The bytes of a data set.
pub(crate) enum Source {
    File(Take<SizedFile>),
    Memory(Cursor<Vec<u8>>),
}

impl Source {
    /// At most `limit` bytes of the data set of `file` that starts at `start`, and the length of the file. A `deflated`
    /// data set is inflated, and its own length returned.
    ///
    /// # Errors
    /// [`ReadError::Malformed`] if it cannot be inflated, or to an impossible size.
    pub(super) fn of(file: SizedFile, start: u64, deflated: bool, limit: u64) -> Result<(Self, u64), ReadError> {
        let bytes = file.length();
        let data_set = file.starting_at(start);
        if !deflated {
            return Ok((Self::File(data_set.take(limit)), bytes));
        }
        let inflated = inflate(data_set, bytes.saturating_sub(start), limit)?;
        let length = inflated.len() as u64;
        Ok((Self::Memory(Cursor::new(inflated)), length))
    }
}

/// At most `limit` bytes that the `bytes` bytes of `compressed` inflate to.
pub(super) fn inflate(compressed: impl Read, bytes: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
    let most = FREE_BYTES.saturating_add(INFLATION.saturating_mul(bytes)).min(budget::limit());
    let limit = limit.min(most + 1);
    // A growing vector would take up to three times its content. What is reserved and not filled takes no memory.
    let mut inflated = Vec::with_capacity(usize::try_from(limit).unwrap_or(0));
    DeflateDecoder::new(compressed).take(limit).read_to_end(&mut inflated).map_err(|e| of_decoder(&e))?;
    if inflated.len() as u64 > most {
        return Err(ReadError::Malformed(format!("{bytes} deflated bytes inflate to more than {most}")));
    }
    Ok(inflated)
}

fn of_decoder(error: &Error) -> ReadError {
    match error.kind() {
        ErrorKind::UnexpectedEof => ends_early(),
        _ => ReadError::Malformed("deflated DICOM: invalid data".to_owned()),
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
