//! Checks the lengths that a DICOM file declares against the size of the file, without reading values.
//!
//! The parser allocates the declared length of a value before it reads the value.

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

/// Maximum nesting of sequences and items; functional groups have about ten levels.
const MAX_DEPTH: usize = 64;

/// Checks everything before the pixels.
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
        // The parser stops only at the pixels of the object itself, not at those of an icon inside a sequence.
        if pixels && depth == 0 {
            if compressed {
                return Err(ReadError::Malformed("the pixel compression contradicts the transfer syntax".to_owned()));
            }
            break;
        }
        token.skip().map_err(|e| broken(&e))?;
    }
    Ok(())
}

/// SOP class and SOP instance of the data set; empty if not stated. The file must have passed [`check`].
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

/// Returns a reader of the data set in `source`, and whether its pixels should be compressed.
fn reader(source: Source) -> Result<(DataSetReader<File>, bool), ReadError> {
    reader_of(source, |file| file)
}

/// The same, with the file wrapped by `part`, which may limit it.
pub(crate) fn reader_of<R: Read + Seek>(
    mut source: Source,
    part: impl FnOnce(File) -> R,
) -> Result<(DataSetReader<R>, bool), ReadError> {
    let meta = Meta::read(&mut source)?;
    let Some(syntax) = TransferSyntaxRegistry.get(&meta.syntax) else {
        return Err(ReadError::Unsupported(format!("DICOM transfer syntax {}", meta.syntax)));
    };
    let file = BufReader::new(part(source.into_file_at(meta.start)?));
    let reader = LazyDataSetReader::new_with_ts(file, syntax).map_err(|e| broken(&e))?;
    Ok((reader, syntax.is_encapsulated_pixel_data()))
}

/// Checks that a value holds a whole number of elements; otherwise the parser adds the rest to the next element.
fn check_values(vr: VR, length: Length) -> Result<(), ReadError> {
    let size = match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::UL | VR::SL | VR::FL | VR::AT | VR::OL | VR::OF => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    };
    match length.get() {
        Some(bytes) if bytes % size != 0 => {
            Err(ReadError::Malformed(format!("DICOM numbers of {size} bytes do not fill a value of {bytes} bytes")))
        }
        _ => Ok(()),
    }
}

/// Number of sequences and items that are open after `token`. The parser panics on an item after the end of one outside
/// any sequence, and uses stack for each open level.
pub(crate) fn nested<D>(depth: usize, token: &LazyDataToken<D>) -> Result<usize, ReadError> {
    let left = match token {
        LazyDataToken::SequenceStart { .. } | LazyDataToken::PixelSequenceStart | LazyDataToken::ItemStart { .. } => {
            let sane = depth < MAX_DEPTH;
            return if sane {
                Ok(depth + 1)
            } else {
                Err(ReadError::Malformed("too many nested sequences".to_owned()))
            };
        }
        LazyDataToken::SequenceEnd => depth.checked_sub(1),
        LazyDataToken::ItemEnd => depth.checked_sub(1).filter(|&left| left > 0),
        _ => return Ok(depth),
    };
    left.ok_or_else(|| ReadError::Malformed("an item or sequence ends that did not begin".to_owned()))
}
