//! Reads a file in pieces, and never more than it holds.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::ReadError;

/// An open file of known length.
pub(crate) struct Source {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Source {
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

/// Little-endian fields in a slice of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], ReadError> {
        Ok(*self.slice(at, N)?.first_chunk::<N>().unwrap_or(&[0; N]))
    }

    /// `count` bytes at `at`.
    pub(crate) fn slice(self, at: usize, count: usize) -> Result<&'a [u8], ReadError> {
        let end = at.checked_add(count);
        end.and_then(|end| self.0.get(at..end)).ok_or_else(|| {
            ReadError::Truncated(format!("a field at byte {at} exceeds its part of {} bytes", self.0.len()))
        })
    }

    pub(crate) fn u8(self, at: usize) -> Result<u8, ReadError> {
        Ok(self.array::<1>(at)?[0])
    }

    pub(crate) fn u16(self, at: usize) -> Result<u16, ReadError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(self, at: usize) -> Result<u32, ReadError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(self, at: usize) -> Result<u64, ReadError> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub(crate) fn i32(self, at: usize) -> Result<i32, ReadError> {
        self.array(at).map(i32::from_le_bytes)
    }

    pub(crate) fn f32(self, at: usize) -> Result<f32, ReadError> {
        self.array(at).map(f32::from_le_bytes)
    }

    pub(crate) fn f64(self, at: usize) -> Result<f64, ReadError> {
        self.array(at).map(f64::from_le_bytes)
    }
}
