//! An open file, read in pieces and never more than it holds.

use std::{
    fs::File,
    io::{Error, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use octrls_fs::within::Within;

use crate::ReadError;

/// Bytes read to recognise a format; a `.vol` header is the longest.
const START_BYTES: u64 = 2048;

/// An open file of known length. A clone reads the same file, whatever its name leads to by then, from a position of its
/// own.
#[derive(Clone)]
pub(crate) struct SizedFile {
    file: Arc<File>,
    path: PathBuf,
    within: Within,
    bytes: u64,
    /// Where the next [`Read`] starts.
    at: u64,
}

impl SizedFile {
    /// Opens the file at `path`, `within` what may be opened.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] for a folder, a pipe or a device.
    pub(crate) fn open(path: &Path, within: &Within) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        let file = within.open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(ReadError::Unsupported("a folder or a device, not a file".to_owned()));
        }
        let (path, within) = (path.to_owned(), within.clone());
        Ok(Self { file: Arc::new(file), path, within, bytes: metadata.len(), at: 0 })
    }

    /// Where it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where other files of the same scan may be opened.
    pub(crate) const fn within(&self) -> &Within {
        &self.within
    }

    /// Length of the file.
    pub(crate) const fn length(&self) -> u64 {
        self.bytes
    }

    /// The same file, read from `at` on.
    pub(crate) fn starting_at(mut self, at: u64) -> Self {
        self.at = at;
        self
    }

    /// The first bytes, at most as many as recognition needs.
    ///
    /// # Errors
    /// [`ReadError::Empty`] if there are none.
    pub(crate) fn start(&self) -> Result<Vec<u8>, ReadError> {
        let mut start = Vec::new();
        let read = self.clone().starting_at(0).take(START_BYTES).read_to_end(&mut start);
        read.map_err(|source| ReadError::Io { path: self.path.clone(), source })?;
        if start.is_empty() { Err(ReadError::Empty) } else { Ok(start) }
    }

    /// Reads `count` bytes at `at`; allocates only if the file has them.
    pub(crate) fn read(&self, at: u64, count: u64) -> Result<Vec<u8>, ReadError> {
        if at.checked_add(count).is_none_or(|end| end > self.bytes) {
            return Err(ReadError::Truncated(format!(
                "{count} bytes declared at byte {at}, but the file has {}",
                self.bytes
            )));
        }
        // On 32-bit machines a file can exceed the address space.
        let Ok(size) = isize::try_from(count) else {
            return Err(ReadError::Malformed(format!(
                "{count} bytes in one piece exceed this machine's address space"
            )));
        };
        let mut bytes = vec![0; size as usize];
        self.file.read_exact_at(&mut bytes, at).map_err(|source| match source.kind() {
            // The file shrank after it was opened.
            ErrorKind::UnexpectedEof => ReadError::Truncated("unexpected end of file".to_owned()),
            _ => ReadError::Io { path: self.path.clone(), source },
        })?;
        Ok(bytes)
    }
}

impl Read for SizedFile {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SizedFile {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        let found = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = found.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
