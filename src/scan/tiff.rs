//! How many pages a TIFF file has.
//!
//! The decoder hands out the first page only; the others of a volume would be lost without a word. Pages form a
//! chain: each directory ends with the place of the next (TIFF 6.0, section 2; `BigTIFF` alike with 64 bits).

use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};

/// Pages looked for; the caller tells one from several.
const ENOUGH: usize = 2;

/// Number of pages that are not reduced copies (thumbnails) of others, as far as [`ENOUGH`].
pub(super) fn pages(mut file: impl Read + Seek) -> Result<usize, Error> {
    let head: [u8; 4] = bytes(&mut file)?;
    let little = head.starts_with(b"II");
    let order = Order { little, big_tiff: head.contains(&43) };
    if order.big_tiff {
        file.seek_relative(4)?;
    }
    let (mut pages, mut seen) = (0, 0);
    let mut next = order.offset(&mut file)?;
    while next != 0 && pages < ENOUGH && seen < 64 {
        seen += 1;
        file.seek(SeekFrom::Start(next))?;
        let entries = if order.big_tiff { order.u64(&mut file)? } else { order.u16(&mut file)?.into() };
        if entries > 4096 {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut reduced = false;
        for _ in 0..entries {
            let tag = order.u16(&mut file)?;
            file.seek_relative(if order.big_tiff { 10 } else { 6 })?;
            let value = order.offset(&mut file)?;
            // Tag 254, NewSubfileType: bit 0 marks a reduced copy, bit 2 a transparency mask.
            reduced |= tag == 254 && value & 0b101 != 0;
        }
        pages += usize::from(!reduced);
        next = order.offset(&mut file)?;
    }
    Ok(pages)
}

#[derive(Clone, Copy)]
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
