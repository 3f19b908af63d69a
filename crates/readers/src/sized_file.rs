//! Reads a file in pieces, and never more than it holds.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::ReadError;

/// An open file of known length.
pub(crate) struct SizedFile {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl SizedFile {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        Ok(Self { file, path: path.to_owned(), bytes })
    }

    /// The same file, opened once more.
    pub(crate) fn reopen(&self) -> Result<Self, ReadError> {
        Self::open(&self.path)
    }

    /// Length of the file.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file itself, positioned at `at`.
    pub(crate) fn into_file_at(mut self, at: u64) -> Result<File, ReadError> {
        let sought = self.file.seek(SeekFrom::Start(at));
        sought.map_err(|source| ReadError::Io { path: self.path, source })?;
        Ok(self.file)
    }

    /// Reads `count` bytes at `at`; allocates only if the file has them.
    pub(crate) fn read(&mut self, at: u64, count: u64) -> Result<Vec<u8>, ReadError> {
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
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|source| match source.kind() {
            // The file shrank after it was opened.
            std::io::ErrorKind::UnexpectedEof => ReadError::Truncated("unexpected end of file".to_owned()),
            _ => ReadError::Io { path: self.path.clone(), source },
        })?;
        Ok(bytes)
    }
}
