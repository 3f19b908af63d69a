//! A DICOM object that is read up to its pixels.

use std::{fs::File, path::Path};

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{
    data_set::DataSet,
    elements::{number, text},
    errors::obfuscated,
    frames::Frames,
    layout::Layout,
};
use crate::{
    ReadError,
    dimensions::{self, MAX_BSCANS},
};

/// An object whose pixels are still in the file.
pub(crate) struct OpenObject {
    pub(crate) elements: InMemDicomObject,
    pub(crate) shape: Shape,
    data_set: DataSet<File>,
}

/// Declared size of the pixels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) frames: usize,
}

impl OpenObject {
    /// Reads everything before the pixels. Rejects objects that show no B-scans or hide them.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let mut data_set = DataSet::open(path)?;
        let elements = data_set.read_up_to_pixels()?;
        let accepted = refuse_obfuscated(&elements).and_then(|()| refuse_results(&elements));
        match accepted.and_then(|()| Shape::of(&elements)) {
            Ok(shape) => Ok(Self { elements, shape, data_set }),
            Err(error) => Err(structure_or(error, &mut data_set)),
        }
    }

    /// Reads the pixels.
    pub(crate) fn into_frames(mut self) -> Result<Frames, ReadError> {
        let Shape { width, height, frames } = self.shape;
        match Layout::of(&self.elements, width, height, frames) {
            Ok(layout) => Frames::read(&mut self.data_set, layout),
            Err(error) => Err(structure_or(error, &mut self.data_set)),
        }
    }

    /// Checks the rest of the file without reading values.
    pub(crate) fn check_rest(&mut self) -> Result<(), ReadError> {
        self.data_set.check_rest()
    }
}

impl Shape {
    fn of(object: &InMemDicomObject) -> Result<Self, ReadError> {
        let need = |tag, name: &str| {
            number(object, tag).ok_or_else(|| ReadError::Malformed(format!("the DICOM file does not state its {name}")))
        };
        let (width, height) = dimensions::check(need(tags::COLUMNS, "columns")?, need(tags::ROWS, "rows")?)?;
        let frames = number(object, tags::NUMBER_OF_FRAMES).unwrap_or(1);
        if frames == 0 || frames > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("invalid number of frames: {frames}")));
        }
        Ok(Self { width, height, frames: frames as usize })
    }
}

/// `error`, unless the rest of the file is broken too: a file still being copied is cut short, whatever else it lacks.
fn structure_or(error: ReadError, data_set: &mut DataSet<File>) -> ReadError {
    data_set.check_rest().err().unwrap_or(error)
}

/// Rejects Zeiss's own files, which keep scrambled pixels in private groups.
fn refuse_obfuscated(object: &InMemDicomObject) -> Result<(), ReadError> {
    let zeiss = text(object, tags::MANUFACTURER).is_some_and(|m| m.starts_with("Carl Zeiss Meditec"));
    let private = object.iter().any(|e| e.header().tag.group() == 0x0407);
    if zeiss && private { Err(obfuscated()) } else { Ok(()) }
}

/// Rejects reports and segmentations, including our own results: they show no B-scans.
fn refuse_results(object: &InMemDicomObject) -> Result<(), ReadError> {
    const RESULTS: [&str; 5] = ["DOC", "KO", "PR", "SEG", "SR"];
    match text(object, tags::MODALITY) {
        Some(modality) if RESULTS.contains(&modality.as_str()) => {
            Err(ReadError::Unsupported(format!("DICOM modality {modality}, which has no B-scans")))
        }
        _ => Ok(()),
    }
}
