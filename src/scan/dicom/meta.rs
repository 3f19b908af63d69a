//! The group of file meta information: what the object is, how it is encoded and where its data set begins.

#[cfg(feature = "dicom-net")]
use std::path::Path;

use dicom_core::Tag;

use super::{MAGIC, PREAMBLE, ReadError};
use crate::scan::source::Source;

/// Where the elements of the file begin.
const FIRST: u64 = (PREAMBLE + MAGIC.len()) as u64;
const META_GROUP: u16 = 2;
/// Longest identifier, in bytes, with some grace.
const MAX_UID: u64 = 256;

/// File meta information. An identifier that the file does not state is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// SOP class of the object.
    pub(crate) class: String,
    /// SOP instance of the object.
    pub(crate) instance: String,
    /// Transfer syntax of the data set.
    pub(crate) syntax: String,
    /// Byte at which the data set begins.
    pub(crate) start: u64,
}

impl Meta {
    /// The meta information of the file at `path`.
    ///
    /// # Errors
    /// [`ReadError`] when it cannot be read or is no DICOM file.
    #[cfg(feature = "dicom-net")]
    pub(crate) fn of_file(path: &Path) -> Result<Self, ReadError> {
        let mut source = Source::open(path)?;
        let start = source.read(0, FIRST.min(source.bytes()))?;
        if super::Dicom::recognises(&start) { Self::read(&mut source) } else { Err(ReadError::UnknownFormat) }
    }

    /// Reads it from a DICOM file; it is always in explicit little endian (PS3.10, section 7.1).
    pub(super) fn read(source: &mut Source) -> Result<Self, ReadError> {
        let mut meta = Self { start: FIRST, ..Self::default() };
        loop {
            let header = source.read(meta.start, 12)?;
            let word = |i: usize| u16::from_le_bytes([header[i], header[i + 1]]);
            let Tag(group, element) = Tag(word(0), word(2));
            if group != META_GROUP {
                return Ok(meta);
            }
            let wide = matches!(
                &header[4..6],
                b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" | b"SQ" | b"UN" | b"UT" | b"UC" | b"UR"
            );
            let (start, length) = if wide {
                (meta.start + 12, u64::from(word(8)) | u64::from(word(10)) << 16)
            } else {
                (meta.start + 8, u64::from(word(6)))
            };
            if start + length > source.bytes() {
                return Err(too_long(length, source.bytes()));
            }
            let uid = match element {
                0x0002 => Some(&mut meta.class),
                0x0003 => Some(&mut meta.instance),
                0x0010 => Some(&mut meta.syntax),
                _ => None,
            };
            if let Some(uid) = uid {
                let bytes = source.read(start, length.min(MAX_UID))?;
                String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' ']).clone_into(uid);
            }
            meta.start = start + length;
        }
    }
}

/// A length that the file of so many bytes does not have.
pub(super) fn too_long(length: u64, bytes: u64) -> ReadError {
    ReadError::Truncated(format!("{length} bytes declared, the DICOM file has {bytes}"))
}
