//! Recognises files that are one B-scan of a series, from the start of a file and without its pixels.

use std::{io::Read, path::Path};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_parser::dataset::LazyDataToken;

use super::{
    data_set::DataSet,
    errors::of_parser,
    meta::{FIRST, MAX_UID, recognises},
    uid,
};
use crate::{ReadError, sized_file::SizedFile};

/// Maximum bytes of a data set to read before it states its number of frames. Icons and private elements may come
/// first; the elements needed take about a hundred bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Identity that the instances of one series in one folder share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Series Instance UID.
    series: String,
    /// SOP Class UID.
    class: String,
}

/// The series that the file at `path` is one B-scan of. Such a file is a single-frame DICOM image that is tomography or
/// states its position in space. `None` for any other file, also if its beginning is broken. Does not read the pixels.
///
/// # Errors
/// [`ReadError::Io`] when the file cannot be read.
pub fn series_key(path: &Path) -> Result<Option<SeriesKey>, ReadError> {
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
        let mut file = SizedFile::open(path)?;
        if file.bytes() < FIRST || !recognises(&file.read(0, FIRST)?) {
            return Ok(None);
        }
        let mut data_set = DataSet::of(file, |file| file.take(MAX_BYTES))?;
        let mut found = Self::default();
        loop {
            let outermost = data_set.depth() == 0;
            // A broken instance remains part of its series, so that the series fails instead of losing a B-scan.
            let Some(token) = data_set.next_unchecked()? else { return Ok(None) };
            let text = match &token {
                // All elements needed come before this one. A file cut off earlier has not stated its number of frames.
                LazyDataToken::ElementHeader(header) if outermost && header.tag > tags::NUMBER_OF_FRAMES => {
                    return Ok(Some(found));
                }
                LazyDataToken::LazyValue { header, .. } if outermost => {
                    let length = u64::from(header.len.0);
                    found.position |= header.tag == tags::IMAGE_POSITION_PATIENT && length > 0;
                    found.orientation |= header.tag == tags::IMAGE_ORIENTATION_PATIENT && length > 0;
                    found.text(header.tag).filter(|_| length <= MAX_UID)
                }
                _ => None,
            };
            if let Some(text) = text {
                let value = token.into_value().map_err(|e| of_parser(&e))?;
                value.to_str().trim_matches(['\0', ' ']).clone_into(text);
            } else {
                token.skip().map_err(|e| of_parser(&e))?;
            }
        }
    }

    fn text(&mut self, tag: Tag) -> Option<&mut String> {
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
