//! Reads each page of a TIFF file as if it were the only one.
//!
//! `image` reads only the first page. The `tiff` crate can seek to any page, but leaves the conversion of samples
//! (1 bit, CMYK, floats, inverted grey) to its caller, and rejects a file whose first page is a thumbnail in a coding
//! that it does not know. So this module only finds the pages, and a [`Page`] presents the file with another first
//! directory to `image`.
//!
//! Pages form a chain: the header holds the offset of the first directory, and each directory that of the next (TIFF
//! 6.0, section 2; `BigTIFF` is the same with 64 bits).

use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};

/// Maximum directories to follow; a chain may be circular.
const MAX_DIRECTORIES: usize = 8192;

/// Tag of the meaning of samples, and two of its values.
const PHOTOMETRIC: u16 = 262;
const PALETTE: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;

/// Location of a page's directory, and where it states that the samples are indices of a palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    at: u64,
    order: Order,
    palette_at: Option<u64>,
}

impl Directory {
    /// Whether the samples are indices of a palette.
    pub(crate) const fn has_palette(self) -> bool {
        self.palette_at.is_some()
    }
}

/// The pages, except reduced copies (thumbnails) and masks, at most [`MAX_DIRECTORIES`].
pub(crate) fn pages(mut file: impl Read + Seek) -> Result<Vec<Directory>, Error> {
    let head: [u8; 4] = bytes(&mut file)?;
    let little = head.starts_with(b"II");
    let order = Order { little, big_tiff: head.contains(&43) };
    if order.big_tiff {
        file.seek_relative(4)?;
    }
    let mut pages = Vec::new();
    let mut next = order.offset(&mut file)?;
    for _ in 0..MAX_DIRECTORIES {
        if next == 0 {
            return Ok(pages);
        }
        let at = next;
        file.seek(SeekFrom::Start(at))?;
        let entries = if order.big_tiff { order.u64(&mut file)? } else { order.u16(&mut file)?.into() };
        if entries > 4096 {
            return Err(Error::new(ErrorKind::InvalidData, "a page declares too many fields"));
        }
        let mut reduced = false;
        let mut palette_at = None;
        for _ in 0..entries {
            let tag = order.u16(&mut file)?;
            file.seek_relative(if order.big_tiff { 10 } else { 6 })?;
            if tag == PHOTOMETRIC {
                let value_at = file.stream_position()?;
                palette_at = (order.u16(&mut file)? == PALETTE).then_some(value_at);
                file.seek_relative(if order.big_tiff { 6 } else { 2 })?;
                continue;
            }
            let value = order.offset(&mut file)?;
            // Tag 254, NewSubfileType: bit 0 marks a reduced copy, bit 2 a transparency mask.
            reduced |= tag == 254 && value & 0b101 != 0;
        }
        if !reduced {
            pages.push(Directory { at, order, palette_at });
        }
        next = order.offset(&mut file)?;
    }
    Err(Error::new(ErrorKind::InvalidData, "endless chain of pages"))
}

/// A TIFF file presented with a chosen first page. Indices of a palette are presented as grey values.
pub(crate) struct Page<R> {
    file: R,
    at: u64,
    /// Offset and content of the bytes presented instead of the file's own.
    patches: Vec<(u64, Vec<u8>)>,
}

impl<R: Read + Seek> Page<R> {
    /// `file` from its start, unchanged or with `first` as its first directory.
    pub(crate) fn new(file: R, first: Option<Directory>) -> Self {
        let patches = first.map(|Directory { at, order, palette_at }| {
            let first = (if order.big_tiff { 8 } else { 4 }, order.offset_bytes(at));
            let grey = palette_at.map(|at| (at, order.short_bytes(BLACK_IS_ZERO)));
            std::iter::once(first).chain(grey).collect()
        });
        Self { file, at: 0, patches: patches.unwrap_or_default() }
    }
}

impl<R: Read> Read for Page<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = self.file.read(buffer)?;
        let bytes = self.patches.iter().flat_map(|(at, patch)| (*at..).zip(patch));
        for (offset, &byte) in bytes {
            let place = offset.checked_sub(self.at).and_then(|p| usize::try_from(p).ok());
            if let Some(shown) = place.and_then(|p| buffer[..read].get_mut(p)) {
                *shown = byte;
            }
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Page<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    little: bool,
    big_tiff: bool,
}

impl Order {
    fn u16(self, file: &mut impl Read) -> Result<u16, Error> {
        let raw = bytes(file)?;
        Ok(if self.little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    fn u32(self, file: &mut impl Read) -> Result<u32, Error> {
        let raw = bytes(file)?;
        Ok(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    fn u64(self, file: &mut impl Read) -> Result<u64, Error> {
        let raw = bytes(file)?;
        Ok(if self.little { u64::from_le_bytes(raw) } else { u64::from_be_bytes(raw) })
    }

    /// An offset as stored in the file. Offsets of the classic variant fit into 32 bits, since they were read from 32
    /// bits.
    fn offset_bytes(self, offset: u64) -> Vec<u8> {
        let short = offset as u32;
        match (self.big_tiff, self.little) {
            (true, true) => offset.to_le_bytes().to_vec(),
            (true, false) => offset.to_be_bytes().to_vec(),
            (false, true) => short.to_le_bytes().to_vec(),
            (false, false) => short.to_be_bytes().to_vec(),
        }
    }

    fn short_bytes(self, value: u16) -> Vec<u8> {
        if self.little { value.to_le_bytes().to_vec() } else { value.to_be_bytes().to_vec() }
    }

    /// A number as wide as the variant's offsets.
    fn offset(self, file: &mut impl Read) -> Result<u64, Error> {
        if self.big_tiff { self.u64(file) } else { Ok(self.u32(file)?.into()) }
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> Result<[u8; N], Error> {
    let mut out = [0; N];
    file.read_exact(&mut out)?;
    Ok(out)
}
