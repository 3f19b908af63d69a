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
        refuse_obfuscated(&elements)?;
        refuse_results(&elements)?;
        Ok(Self { elements, data_set })
    }

    pub(crate) fn shape(&self) -> Result<Shape, ReadError> {
        let need = |tag, name: &str| {
            number(&self.elements, tag)
                .ok_or_else(|| ReadError::Malformed(format!("the DICOM file does not state its {name}")))
        };
        let (width, height) = dimensions::check(need(tags::COLUMNS, "columns")?, need(tags::ROWS, "rows")?)?;
        let frames = number(&self.elements, tags::NUMBER_OF_FRAMES).unwrap_or(1);
        if frames == 0 || frames > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("invalid number of frames: {frames}")));
        }
        Ok(Shape { width, height, frames: frames as usize })
    }

    /// Reads the pixels.
    pub(crate) fn into_frames(mut self, shape: Shape) -> Result<Frames, ReadError> {
        let layout = Layout::of(&self.elements, shape.width, shape.height, shape.frames)?;
        Frames::read(&mut self.data_set, layout)
    }

    /// Checks the rest of the file without reading values.
    pub(crate) fn check_rest(mut self) -> Result<(), ReadError> {
        self.data_set.check_rest()
    }
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
