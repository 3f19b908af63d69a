//! A first pass over a DICOM file that reads no value: declared lengths against what the file has.
//!
//! The parser takes memory for a value before it reads it, as much as the file declares.

use std::{io::BufReader, path::Path};

use dicom_core::{Length, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::dataset::{LazyDataToken, lazy_read::LazyDataSetReader};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{PREAMBLE, ReadError, broken};
use crate::scan::source::{Fields, Source};

/// Where the elements of the file begin.
const FIRST: u64 = PREAMBLE as u64 + 4;
/// The first element: how many bytes of meta information follow it.
const GROUP_LENGTH: &[u8] = b"\x02\0\0\0UL\x04\0";
const GROUP_LENGTH_BYTES: u64 = 12;
const META_GROUP: u16 = 2;
const TRANSFER_SYNTAX: u16 = 0x0010;
/// Longest identifier, in bytes, with some grace.
const MAX_UID: u64 = 256;
/// Most sequences and items within each other; functional groups have some ten.
const MAX_DEPTH: usize = 64;
/// Value representations whose length has 16 bits (PS3.5, section 7.1.2).
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
];

/// Checks all that comes before the pixels.
pub(super) fn check(path: &Path) -> Result<(), ReadError> {
    let mut source = Source::open(path)?;
    let bytes = source.bytes();
    let too_long = |length: u64| ReadError::Truncated(format!("{length} bytes declared, the DICOM file has {bytes}"));
    let (syntax, start) = meta(&mut source, &too_long)?;
    let Some(syntax) = TransferSyntaxRegistry.get(&syntax) else {
        return Err(ReadError::Unsupported(format!("the DICOM transfer syntax {syntax}")));
    };
    let mut reader =
        LazyDataSetReader::new_with_ts(BufReader::new(source.into_file_at(start)?), syntax).map_err(|e| broken(&e))?;
    let mut depth = 0_usize;
    while let Some(token) = reader.advance() {
        let token = token.map_err(|e| broken(&e))?;
        depth = nested(depth, &token)?;
        let (length, pixels) = match &token {
            LazyDataToken::ElementHeader(header) => {
                (header.len, header.tag == tags::PIXEL_DATA && header.len.is_defined())
            }
            LazyDataToken::LazyValue { header, .. } => {
                check_values(header.vr, header.len)?;
                (header.len, false)
            }
            LazyDataToken::LazyItemValue { len, .. } => (Length(*len), false),
            LazyDataToken::SequenceStart { len, .. } | LazyDataToken::ItemStart { len } => (*len, false),
            _ => (Length(0), false),
        };
        if let Some(length) = length.get().map(u64::from).filter(|&l| l > bytes) {
            return Err(too_long(length));
        }
        // The parser stops only at the pixels of the object itself, not at those of an icon within a sequence.
        if pixels && depth == 0 {
            if syntax.is_encapsulated_pixel_data() {
                return Err(ReadError::Malformed("pixels that are not compressed as the DICOM file says".to_owned()));
            }
            break;
        }
        token.skip().map_err(|e| broken(&e))?;
    }
    Ok(())
}

/// Whether a value holds whole numbers only: of any other, the parser leaves the rest to the next element.
fn check_values(vr: VR, length: Length) -> Result<(), ReadError> {
    let size = match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::UL | VR::SL | VR::FL | VR::AT | VR::OL | VR::OF => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    };
    match length.get() {
        Some(bytes) if bytes % size != 0 => {
            Err(ReadError::Malformed(format!("DICOM numbers of {size} bytes in a value of {bytes}")))
        }
        _ => Ok(()),
    }
}

/// How many sequences and items are open after `token`; the parser panics on an item that follows the end of one outside any
/// sequence, and takes stack for each that is open.
fn nested<D>(depth: usize, token: &LazyDataToken<D>) -> Result<usize, ReadError> {
    let left = match token {
        LazyDataToken::SequenceStart { .. } | LazyDataToken::PixelSequenceStart | LazyDataToken::ItemStart { .. } => {
            let sane = depth < MAX_DEPTH;
            return if sane { Ok(depth + 1) } else { Err(ReadError::Malformed("sequences without an end".to_owned())) };
        }
        LazyDataToken::SequenceEnd => depth.checked_sub(1),
        LazyDataToken::ItemEnd => depth.checked_sub(1).filter(|&left| left > 0),
        _ => return Ok(depth),
    };
    left.ok_or_else(|| ReadError::Malformed("the end of an item or sequence that was not begun".to_owned()))
}

/// The transfer syntax and where the data set begins, from the group of file meta information, which is always in explicit
/// little endian (PS3.10, section 7.1). It ends as the parser ends it: with the element that reaches its stated length.
fn meta(source: &mut Source, too_long: &dyn Fn(u64) -> ReadError) -> Result<(String, u64), ReadError> {
    let broken = || ReadError::Malformed("the DICOM file's meta information is not as long as it says".to_owned());
    let mut syntax = String::new();
    let start = source.read(FIRST, GROUP_LENGTH_BYTES)?;
    if !start.starts_with(GROUP_LENGTH) {
        return Err(broken());
    }
    let mut at = FIRST + GROUP_LENGTH_BYTES;
    let end = at + u64::from(Fields(&start).u32(8)?);
    while at < end {
        let header = source.read(at, 12)?;
        let fields = Fields(&header);
        if fields.u16(0)? != META_GROUP {
            return Err(broken());
        }
        let short = SHORT.iter().any(|vr| header[4..6] == **vr);
        let (start, length) =
            if short { (at + 8, u64::from(fields.u16(6)?)) } else { (at + 12, u64::from(fields.u32(8)?)) };
        if start + length > source.bytes() {
            return Err(too_long(length));
        }
        if fields.u16(2)? == TRANSFER_SYNTAX {
            let uid = source.read(start, length.min(MAX_UID))?;
            String::from_utf8_lossy(&uid).trim_end_matches(['\0', ' ']).clone_into(&mut syntax);
        }
        at = start + length;
    }
    Ok((syntax, at))
}
