//! DICOM file meta information: identity and encoding of the object, and the start of its data set.

use std::path::Path;

use octrls_fs::within::Within;

use super::errors::too_long;
use crate::{ReadError, little_endian::LittleEndian, sized_file::SizedFile};

const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";
/// Offset of the first element.
pub(crate) const FIRST: u64 = (PREAMBLE + MAGIC.len()) as u64;
/// The first element: the number of bytes of meta information after it.
const GROUP_LENGTH: &[u8] = b"\x02\0\0\0UL\x04\0";
const GROUP_LENGTH_BYTES: u64 = 12;
const META_GROUP: u16 = 2;
/// Value representations with a 16-bit length (PS3.5, section 7.1.2).
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
];
/// Maximum elements of meta information; the standard has about fifteen.
const MAX_ELEMENTS: usize = 256;
/// Maximum identifier length in bytes, with some tolerance.
pub(crate) const MAX_UID: u64 = 256;

/// Whether `start`, the first bytes of a file, belong to a DICOM file.
#[must_use]
pub fn recognises(start: &[u8]) -> bool {
    start.get(PREAMBLE..PREAMBLE + MAGIC.len()) == Some(MAGIC)
}

/// File meta information. An identifier that the file does not state is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// SOP class of the object.
    pub class: String,
    /// SOP instance of the object.
    pub instance: String,
    /// Transfer syntax of the data set.
    pub syntax: String,
    /// Offset of the data set.
    pub start: u64,
}

impl Meta {
    /// Reads the meta information of the file at `path`.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read or is no DICOM file.
    pub fn of_file(path: &Path) -> Result<Self, ReadError> {
        Self::of(&SizedFile::open(path, &Within::anywhere())?)
    }

    /// Reads the meta information of a file that may be none of DICOM.
    pub(crate) fn of(source: &SizedFile) -> Result<Self, ReadError> {
        let start = source.read(0, FIRST.min(source.length()))?;
        if recognises(&start) { Self::read(source) } else { Err(ReadError::UnknownFormat) }
    }

    /// Reads it from a DICOM file; it is always in explicit little endian (PS3.10, section 7.1). It ends where the
    /// parser ends it: with the element that reaches the stated length.
    pub(crate) fn read(source: &SizedFile) -> Result<Self, ReadError> {
        let broken = || ReadError::Malformed("the DICOM meta information differs from its declared length".to_owned());
        let first = source.read(FIRST, GROUP_LENGTH_BYTES)?;
        if !first.starts_with(GROUP_LENGTH) {
            return Err(broken());
        }
        let mut meta = Self { start: FIRST + GROUP_LENGTH_BYTES, ..Self::default() };
        let end = meta.start + u64::from(LittleEndian(&first).u32(8)?);
        for _ in 0..MAX_ELEMENTS {
            if meta.start >= end {
                return Ok(meta);
            }
            let header = source.read(meta.start, 12)?;
            let fields = LittleEndian(&header);
            if fields.u16(0)? != META_GROUP {
                return Err(broken());
            }
            let short = SHORT.iter().any(|vr| header[4..6] == **vr);
            let (start, length) = if short {
                (meta.start + 8, u64::from(fields.u16(6)?))
            } else {
                (meta.start + 12, u64::from(fields.u32(8)?))
            };
            if start + length > source.length() {
                return Err(too_long(length, source.length()));
            }
            let uid = match fields.u16(2)? {
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
        Err(ReadError::Malformed("too many elements of DICOM meta information".to_owned()))
    }
}
