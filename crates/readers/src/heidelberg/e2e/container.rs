//! The container of `.E2E` files: a chain of directories whose entries point to chunks.

use std::{collections::HashSet, sync::Arc};

use crate::{ReadError, little_endian::LittleEndian, sized_file::SizedFile};

const MAGIC: &[u8] = b"CMDb\0";
/// Prefix of a file that is one part of a larger export; offsets count from the header after it.
const PREFIX: &[u8] = b"E2EMultipleVolumeFile";
const PREFIX_BYTES: u64 = 64;
const HEADER_BYTES: u64 = 36;
const DIRECTORY_BYTES: u64 = 52;
const ENTRY_BYTES: u64 = 44;
const CHUNK_HEADER_BYTES: u64 = 60;
/// Maximum directories to follow; each has 512 entries.
const MAX_DIRECTORIES: usize = 1 << 16;
/// Maximum entries in total; a volume of a thousand B-scans has about twenty thousand.
const MAX_ENTRIES: u64 = 1 << 20;
/// Contents up to this size are placeholders.
const NO_CONTENT: u64 = 4;

/// An open `.E2E` file and its directory entries.
#[derive(Clone)]
pub(crate) struct Container {
    file: SizedFile,
    /// Offset of the file's own header.
    base: u64,
    /// In the order written.
    pub(crate) entries: Arc<[Entry]>,
}

/// Owner of a chunk; -1 where not applicable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) patient: i32,
    pub(crate) study: i32,
    pub(crate) series: i32,
    pub(crate) slice: i32,
    /// For images, 0 for the fundus and 1 for a B-scan.
    pub(crate) part: u16,
}

/// A chunk as a directory lists it.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    start: u64,
    /// Bytes of its content.
    pub(crate) size: u64,
    pub(crate) owner: Owner,
    pub(crate) kind: u32,
}

impl Container {
    /// Whether `start`, the first bytes of a file, belong to a container.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.starts_with(MAGIC) || start.starts_with(PREFIX)
    }

    pub(crate) fn open(file: SizedFile) -> Result<Self, ReadError> {
        let prefixed = file.read(0, (PREFIX.len() as u64).min(file.length()))? == PREFIX;
        let base = if prefixed { PREFIX_BYTES } else { 0 };
        let start = file.read(base, HEADER_BYTES + DIRECTORY_BYTES)?;
        if !start.starts_with(MAGIC) {
            return Err(ReadError::Malformed("no Heidelberg container header".to_owned()));
        }
        let main = Directory::of(LittleEndian(&start[HEADER_BYTES as usize..]), b"MDbMDir\0", HEADER_BYTES)?;
        let container = Self { file, base, entries: Arc::default() };
        let mut entries = Vec::new();
        for at in container.chain(main.previous_or_last)? {
            container.list(at, &mut entries)?;
        }
        Ok(Self { entries: entries.into(), ..container })
    }

    /// Offsets of the directories, first to last; the file links them backwards from the last.
    fn chain(&self, last: u64) -> Result<Vec<u64>, ReadError> {
        let (mut chain, mut seen) = (Vec::new(), HashSet::new());
        let mut at = last;
        while at != 0 {
            if !seen.insert(at) || chain.len() == MAX_DIRECTORIES {
                return Err(ReadError::Malformed("endless chain of directories".to_owned()));
            }
            chain.push(at);
            at = self.directory(at)?.previous_or_last;
        }
        chain.reverse();
        Ok(chain)
    }

    fn directory(&self, at: u64) -> Result<Directory, ReadError> {
        let bytes = self.file.length();
        if self.base + at + DIRECTORY_BYTES > bytes {
            return Err(ReadError::Truncated(format!(
                "a directory at byte {at} is past the end of the file ({bytes})"
            )));
        }
        Directory::of(LittleEndian(&self.file.read(self.base + at, DIRECTORY_BYTES)?), b"MDbDir\0", at)
    }

    /// Adds the entries of the directory at `at` to `entries`.
    fn list(&self, at: u64, entries: &mut Vec<Entry>) -> Result<(), ReadError> {
        let count = self.directory(at)?.entries;
        if entries.len() as u64 + count > MAX_ENTRIES {
            return Err(ReadError::Malformed("too many directory entries declared".to_owned()));
        }
        let bytes = self.file.read(self.base + at + DIRECTORY_BYTES, count * ENTRY_BYTES)?;
        for fields in bytes.chunks_exact(ENTRY_BYTES as usize).map(LittleEndian) {
            let entry = Entry {
                start: fields.u32(4)?.into(),
                size: fields.u32(8)?.into(),
                owner: Owner::at(fields, 16)?,
                kind: fields.u32(36)?,
            };
            // Skips unused entries, which point nowhere or to an offset before their own.
            if entry.start <= u64::from(fields.u32(0)?) || entry.size <= NO_CONTENT {
                continue;
            }
            let end = self.base + entry.start + CHUNK_HEADER_BYTES + entry.size;
            if end > self.file.length() {
                let bytes = self.file.length();
                return Err(ReadError::Truncated(format!("a chunk ends at byte {end}, but the file at {bytes}")));
            }
            entries.push(entry);
        }
        Ok(())
    }

    /// Reads up to `count` bytes at `at` in the content of a chunk. The chunk's own header must match its entry.
    pub(crate) fn read(&self, entry: &Entry, at: u64, count: u64) -> Result<Vec<u8>, ReadError> {
        let start = self.base + entry.start;
        let header = self.file.read(start, CHUNK_HEADER_BYTES)?;
        let fields = LittleEndian(&header);
        let same = u64::from(fields.u32(24)?) == entry.size
            && Owner::at(fields, 32)? == entry.owner
            && fields.u32(52)? == entry.kind;
        if !header.starts_with(b"MDbData\0") || !same {
            return Err(ReadError::Malformed(format!("the chunk at byte {start} does not match its directory entry")));
        }
        self.file.read(start + CHUNK_HEADER_BYTES + at, count.min(entry.size.saturating_sub(at)))
    }
}

/// Header of a directory.
struct Directory {
    entries: u64,
    /// Offset of the previous directory or, in the main one, of the last; 0 if there is none.
    previous_or_last: u64,
}

impl Directory {
    fn of(fields: LittleEndian<'_>, magic: &[u8], at: u64) -> Result<Self, ReadError> {
        if fields.slice(0, magic.len())? != magic {
            return Err(ReadError::Malformed(format!("no directory at byte {at}")));
        }
        let link = if magic == b"MDbMDir\0" { 40 } else { 44 };
        Ok(Self { entries: fields.u32(36)?.into(), previous_or_last: fields.u32(link)?.into() })
    }
}

impl Owner {
    fn at(fields: LittleEndian<'_>, at: usize) -> Result<Self, ReadError> {
        Ok(Self {
            patient: fields.i32(at)?,
            study: fields.i32(at + 4)?,
            series: fields.i32(at + 8)?,
            slice: fields.i32(at + 12)?,
            part: fields.u16(at + 16)?,
        })
    }
}
