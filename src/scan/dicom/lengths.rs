//! A first pass over a DICOM file that reads no value: declared lengths against what the file has.
//!
//! The parser takes memory for a value before it reads it, as much as the file declares.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use dicom_core::{Length, Tag};
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::dataset::{LazyDataToken, lazy_read::LazyDataSetReader};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{PREAMBLE, ReadError, broken};

/// Where the elements of the file begin.
const FIRST: u64 = PREAMBLE as u64 + 4;
const META_GROUP: u16 = 2;
const TRANSFER_SYNTAX: u16 = 0x0010;
/// Longest identifier, in bytes, with some grace.
const MAX_UID: u64 = 256;

/// Checks all that comes before the pixels.
pub(super) fn check(path: &Path) -> Result<(), ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    let too_long = |length: u64| ReadError::Truncated(format!("{length} bytes declared, the DICOM file has {bytes}"));
    let (syntax, start) = meta(&mut file, bytes, &too_long)?;
    let Some(syntax) = TransferSyntaxRegistry.get(&syntax) else {
        return Err(ReadError::Unsupported(format!("the DICOM transfer syntax {syntax}")));
    };
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    let mut reader = LazyDataSetReader::new_with_ts(BufReader::new(file), syntax).map_err(|e| broken(&e))?;
    while let Some(token) = reader.advance() {
        let token = token.map_err(|e| broken(&e))?;
        let (length, pixels) = match &token {
            LazyDataToken::ElementHeader(header) => {
                (header.len, header.tag == tags::PIXEL_DATA && header.len.is_defined())
            }
            LazyDataToken::LazyValue { header, .. } => (header.len, false),
            LazyDataToken::LazyItemValue { len, .. } => (Length(*len), false),
            LazyDataToken::SequenceStart { len, .. } | LazyDataToken::ItemStart { len } => (*len, false),
            _ => (Length(0), false),
        };
        if let Some(length) = length.get().map(u64::from).filter(|&l| l > bytes) {
            return Err(too_long(length));
        }
        if pixels {
            break;
        }
        token.skip().map_err(|e| broken(&e))?;
    }
    Ok(())
}

/// The transfer syntax and where the data set begins, from the group of file meta information, which is always in explicit
/// little endian (PS3.10, section 7.1).
fn meta(file: &mut File, bytes: u64, too_long: &dyn Fn(u64) -> ReadError) -> Result<(String, u64), ReadError> {
    let mut syntax = String::new();
    let mut at = FIRST;
    loop {
        let header = read(file, at, 12)?;
        let word = |i: usize| u16::from_le_bytes([header[i], header[i + 1]]);
        let Tag(group, element) = Tag(word(0), word(2));
        if group != META_GROUP {
            return Ok((syntax, at));
        }
        let wide = matches!(
            &header[4..6],
            b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" | b"SQ" | b"UN" | b"UT" | b"UC" | b"UR"
        );
        let (start, length) =
            if wide { (at + 12, u64::from(word(8)) | u64::from(word(10)) << 16) } else { (at + 8, u64::from(word(6))) };
        if start + length > bytes {
            return Err(too_long(length));
        }
        if element == TRANSFER_SYNTAX {
            let uid = read(file, start, length.min(MAX_UID))?;
            String::from_utf8_lossy(&uid).trim_end_matches(['\0', ' ']).clone_into(&mut syntax);
        }
        at = start + length;
    }
}

fn read(file: &mut File, at: u64, count: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; count as usize];
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
    read.map_err(|_| ReadError::Truncated("the DICOM file ends within its meta information".to_owned()))?;
    Ok(bytes)
}
