//! The container of `.E2E` files: a chain of directories whose entries point to chunks.

use std::{collections::HashSet, path::Path};

use crate::{
    ReadError,
    source::{Fields, Source},
};

const MAGIC: &[u8] = b"CMDb\0";
/// What begins a file that is one part of a larger export; offsets count from the header after it.
const PREFIX: &[u8] = b"E2EMultipleVolumeFile";
const PREFIX_BYTES: u64 = 64;
const HEADER_BYTES: u64 = 36;
const DIRECTORY_BYTES: u64 = 52;
const ENTRY_BYTES: u64 = 44;
const CHUNK_HEADER_BYTES: u64 = 60;
/// Most directories that are followed; one has 512 entries.
const MAX_DIRECTORIES: usize = 1 << 16;
/// Most entries in all; a volume of a thousand B-scans has some twenty thousand.
const MAX_ENTRIES: u64 = 1 << 20;
/// Contents up to this size are placeholders.
const NO_CONTENT: u64 = 4;

/// An open `.E2E` file and what its directories list.
pub(crate) struct Container {
    source: Source,
    /// Where the file's own header begins.
    base: u64,
    /// In the order in which they were written.
    pub(crate) entries: Vec<Entry>,
}

/// What a chunk belongs to; -1 where that does not apply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) patient: i32,
    pub(crate) study: i32,
    pub(crate) series: i32,
    pub(crate) slice: i32,
    /// Of images, 0 for the fundus and 1 for a B-scan.
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
    /// Whether `start`, the first bytes of a file, are those of a container.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.starts_with(MAGIC) || start.starts_with(PREFIX)
    }

    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let mut source = Source::open(path)?;
        let prefixed = source.read(0, (PREFIX.len() as u64).min(source.bytes()))? == PREFIX;
        let base = if prefixed { PREFIX_BYTES } else { 0 };
        let start = source.read(base, HEADER_BYTES + DIRECTORY_BYTES)?;
        if !start.starts_with(MAGIC) {
            return Err(ReadError::Malformed("no header of a Heidelberg container".to_owned()));
        }
        let main = Directory::of(Fields(&start[HEADER_BYTES as usize..]), b"MDbMDir\0", HEADER_BYTES)?;
        let mut container = Self { source, base, entries: Vec::new() };
        for at in container.chain(main.previous_or_last)? {
            container.list(at)?;
        }
        Ok(container)
    }

    /// Where the directories lie, first to last; the file links them from the last one back.
    fn chain(&mut self, last: u64) -> Result<Vec<u64>, ReadError> {
        let (mut chain, mut seen) = (Vec::new(), HashSet::new());
        let mut at = last;
        while at != 0 {
            if !seen.insert(at) || chain.len() == MAX_DIRECTORIES {
                return Err(ReadError::Malformed("its chain of directories has no end".to_owned()));
            }
            chain.push(at);
            at = self.directory(at)?.previous_or_last;
        }
        chain.reverse();
        Ok(chain)
    }

    fn directory(&mut self, at: u64) -> Result<Directory, ReadError> {
        let bytes = self.source.bytes();
        if self.base + at + DIRECTORY_BYTES > bytes {
            return Err(ReadError::Truncated(format!("a directory at byte {at} lies beyond the end, at {bytes}")));
        }
        Directory::of(Fields(&self.source.read(self.base + at, DIRECTORY_BYTES)?), b"MDbDir\0", at)
    }

    /// Adds the entries of the directory at `at`.
    fn list(&mut self, at: u64) -> Result<(), ReadError> {
        let count = self.directory(at)?.entries;
        if self.entries.len() as u64 + count > MAX_ENTRIES {
            return Err(ReadError::Malformed("more entries are declared than a file can have".to_owned()));
        }
        let bytes = self.source.read(self.base + at + DIRECTORY_BYTES, count * ENTRY_BYTES)?;
        for fields in bytes.chunks_exact(ENTRY_BYTES as usize).map(Fields) {
            let entry = Entry {
                start: fields.u32(4)?.into(),
                size: fields.u32(8)?.into(),
                owner: Owner::at(fields, 16)?,
                kind: fields.u32(36)?,
            };
            // Entries that were never filled point nowhere, those before their own place nowhere that counts.
            if entry.start <= u64::from(fields.u32(0)?) || entry.size <= NO_CONTENT {
                continue;
            }
            let end = self.base + entry.start + CHUNK_HEADER_BYTES + entry.size;
            if end > self.source.bytes() {
                let bytes = self.source.bytes();
                return Err(ReadError::Truncated(format!("a chunk ends at byte {end}, the file at {bytes}")));
            }
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Reads up to `count` bytes at `at` in the content of a chunk, whose own header must say what its entry says.
    pub(crate) fn read(&mut self, entry: &Entry, at: u64, count: u64) -> Result<Vec<u8>, ReadError> {
        let start = self.base + entry.start;
        let header = self.source.read(start, CHUNK_HEADER_BYTES)?;
        let fields = Fields(&header);
        let same = u64::from(fields.u32(24)?) == entry.size
            && Owner::at(fields, 32)? == entry.owner
            && fields.u32(52)? == entry.kind;
        if !header.starts_with(b"MDbData\0") || !same {
            return Err(ReadError::Malformed(format!("the chunk at byte {start} is not the one that was listed")));
        }
        self.source.read(start + CHUNK_HEADER_BYTES + at, count.min(entry.size.saturating_sub(at)))
    }
}

/// The head of a directory.
struct Directory {
    entries: u64,
    /// Where the directory before it lies, and in the main one where the last lies; 0 where there is none.
    previous_or_last: u64,
}

impl Directory {
    fn of(fields: Fields<'_>, magic: &[u8], at: u64) -> Result<Self, ReadError> {
        if fields.slice(0, magic.len())? != magic {
            return Err(ReadError::Malformed(format!("no directory at byte {at}")));
        }
        let link = if magic == b"MDbMDir\0" { 40 } else { 44 };
        Ok(Self { entries: fields.u32(36)?.into(), previous_or_last: fields.u32(link)?.into() })
    }
}

impl Owner {
    fn at(fields: Fields<'_>, at: usize) -> Result<Self, ReadError> {
        Ok(Self {
            patient: fields.i32(at)?,
            study: fields.i32(at + 4)?,
            series: fields.i32(at + 8)?,
            slice: fields.i32(at + 12)?,
            part: fields.u16(at + 16)?,
        })
    }
}
