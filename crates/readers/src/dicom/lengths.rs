//! A first pass over a DICOM file that reads no value: declared lengths against what the file has.
//!
//! The parser takes memory for a value before it reads it, as much as the file declares.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

use dicom_core::{Length, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::{
    DynStatefulDecoder,
    dataset::{LazyDataToken, lazy_read::LazyDataSetReader},
};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{
    ReadError, broken,
    meta::{Meta, too_long},
};
use crate::source::Source;

/// Most sequences and items within each other; functional groups have some ten.
const MAX_DEPTH: usize = 64;

/// Checks all that comes before the pixels.
pub fn check(path: &Path) -> Result<(), ReadError> {
    let source = Source::open(path)?;
    let bytes = source.bytes();
    let (mut reader, compressed) = reader(source)?;
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
            return Err(too_long(length, bytes));
        }
        // The parser stops only at the pixels of the object itself, not at those of an icon within a sequence.
        if pixels && depth == 0 {
            if compressed {
                return Err(ReadError::Malformed("pixels that are not compressed as the DICOM file says".to_owned()));
            }
            break;
        }
        token.skip().map_err(|e| broken(&e))?;
    }
    Ok(())
}

/// SOP class and SOP instance of the data set, empty where it states none. The file must have passed [`check`].
pub fn identifiers(path: &Path) -> Result<(String, String), ReadError> {
    let (mut class, mut instance) = (String::new(), String::new());
    let (mut reader, _) = reader(Source::open(path)?)?;
    let mut depth = 0_usize;
    while let Some(token) = reader.advance() {
        let token = token.map_err(|e| broken(&e))?;
        depth = nested(depth, &token)?;
        let uid = match &token {
            LazyDataToken::LazyValue { header, .. }
                if depth == 0 && u64::from(header.len.0) <= super::meta::MAX_UID =>
            {
                match header.tag {
                    tags::SOP_CLASS_UID => Some(&mut class),
                    tags::SOP_INSTANCE_UID => Some(&mut instance),
                    _ => None,
                }
            }
            LazyDataToken::ElementHeader(header) if depth == 0 && header.tag > tags::SOP_INSTANCE_UID => break,
            _ => None,
        };
        if let Some(uid) = uid {
            let value = token.into_value().map_err(|e| broken(&e))?;
            value.to_str().trim_end_matches(['\0', ' ']).clone_into(uid);
        } else {
            token.skip().map_err(|e| broken(&e))?;
        }
    }
    Ok((class, instance))
}

type DataSetReader<R> = LazyDataSetReader<DynStatefulDecoder<BufReader<R>>>;

/// A reader of the data set in `source`, and whether its pixels are to be compressed.
fn reader(source: Source) -> Result<(DataSetReader<File>, bool), ReadError> {
    reader_of(source, |file| file)
}

/// The same, of what `part` leaves of the file.
pub(crate) fn reader_of<R: Read + Seek>(
    mut source: Source,
    part: impl FnOnce(File) -> R,
) -> Result<(DataSetReader<R>, bool), ReadError> {
    let meta = Meta::read(&mut source)?;
    let Some(syntax) = TransferSyntaxRegistry.get(&meta.syntax) else {
        return Err(ReadError::Unsupported(format!("the DICOM transfer syntax {}", meta.syntax)));
    };
    let file = BufReader::new(part(source.into_file_at(meta.start)?));
    let reader = LazyDataSetReader::new_with_ts(file, syntax).map_err(|e| broken(&e))?;
    Ok((reader, syntax.is_encapsulated_pixel_data()))
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
pub(crate) fn nested<D>(depth: usize, token: &LazyDataToken<D>) -> Result<usize, ReadError> {
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
