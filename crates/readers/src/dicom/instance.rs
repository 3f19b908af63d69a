//! Recognises files that are one B-scan of a series, from the start of a file and without its pixels.

use std::{io::Read, path::Path};

use dicom_dictionary_std::{tags, uids};
use dicom_parser::dataset::LazyDataToken;

use super::{
    Dicom, MAGIC, PREAMBLE, ReadError, broken,
    lengths::{nested, reader_of},
    meta::MAX_UID,
    uid,
};
use crate::{SeriesKey, source::Source};

/// Maximum bytes of a data set to read before it states its number of frames. Icons and private elements may come
/// first; the elements needed take about a hundred bytes.
const LONGEST: u64 = 16 << 20;

/// See [`series_key`](crate::series_key).
pub(crate) fn series_key(path: &Path) -> Result<Option<SeriesKey>, ReadError> {
    // Broken structures can make the parser panic.
    let found = std::panic::catch_unwind(|| Beginning::read(path));
    match found {
        Ok(Ok(beginning)) => Ok(beginning.and_then(Beginning::key)),
        Ok(Err(error @ ReadError::Io { .. })) => Err(error),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

/// The first elements of a data set.
#[derive(Default)]
struct Beginning {
    class: String,
    series: String,
    frames: String,
    position: bool,
    orientation: bool,
}

impl Beginning {
    /// Reads the file at `path`; `None` if it is no DICOM file.
    fn read(path: &Path) -> Result<Option<Self>, ReadError> {
        let mut source = Source::open(path)?;
        let magic = (PREAMBLE + MAGIC.len()) as u64;
        if source.bytes() < magic || !Dicom::recognises(&source.read(0, magic)?) {
            return Ok(None);
        }
        let (mut reader, _) = reader_of(source, |file| file.take(LONGEST))?;
        let (mut found, mut depth) = (Self::default(), 0_usize);
        while let Some(token) = reader.advance() {
            let token = token.map_err(|e| broken(&e))?;
            depth = nested(depth, &token)?;
            let text = match &token {
                // All elements needed come before this one. A file cut off earlier has not stated its number of frames.
                LazyDataToken::ElementHeader(header) if depth == 0 && header.tag > tags::NUMBER_OF_FRAMES => {
                    return Ok(Some(found));
                }
                LazyDataToken::LazyValue { header, .. } if depth == 0 => {
                    let length = u64::from(header.len.0);
                    found.position |= header.tag == tags::IMAGE_POSITION_PATIENT && length > 0;
                    found.orientation |= header.tag == tags::IMAGE_ORIENTATION_PATIENT && length > 0;
                    found.text(header.tag).filter(|_| length <= MAX_UID)
                }
                _ => None,
            };
            if let Some(text) = text {
                let value = token.into_value().map_err(|e| broken(&e))?;
                value.to_str().trim_matches(['\0', ' ']).clone_into(text);
            } else {
                token.skip().map_err(|e| broken(&e))?;
            }
        }
        Ok(None)
    }

    fn text(&mut self, tag: dicom_core::Tag) -> Option<&mut String> {
        match tag {
            tags::SOP_CLASS_UID => Some(&mut self.class),
            tags::SERIES_INSTANCE_UID => Some(&mut self.series),
            tags::NUMBER_OF_FRAMES => Some(&mut self.frames),
            _ => None,
        }
    }

    fn key(self) -> Option<SeriesKey> {
        let one = matches!(self.frames.as_str(), "" | "1");
        let placed = self.position && self.orientation;
        let tomography = self.class == uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE;
        let (series, class) = (uid::checked(&self.series)?.to_owned(), uid::checked(&self.class)?.to_owned());
        (one && (tomography || placed)).then_some(SeriesKey { series, class })
    }
}
