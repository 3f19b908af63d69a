//! A DICOM object that is read up to its pixels.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{
    data_set::DataSet,
    elements::{number, text},
    errors::obfuscated,
    frames::Frames,
    intensity::Intensity,
    layout::Layout,
    role::is_companion,
    source::Source,
};
use crate::{
    ReadError,
    dimensions::{self, MAX_BSCANS},
    sized_file::SizedFile,
};

/// An object whose pixels are still in the file.
pub(crate) struct OpenObject {
    pub(crate) elements: InMemDicomObject,
    pub(crate) shape: Shape,
    data_set: DataSet<Source>,
}

/// Declared size of the pixels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) frames: usize,
}

impl OpenObject {
    /// Reads everything before the pixels of an object with B-scans. Rejects objects that show none or hide them.
    pub(crate) fn open(file: SizedFile) -> Result<Self, ReadError> {
        Self::of(file, |elements| refuse_results(elements).and_then(|()| refuse_companions(elements)))
    }

    /// Reads everything before the pixels of an image of any kind. Rejects objects that hide it.
    pub(crate) fn open_image(file: SizedFile) -> Result<Self, ReadError> {
        Self::of(file, |_| Ok(()))
    }

    fn of(file: SizedFile, refuse: impl Fn(&InMemDicomObject) -> Result<(), ReadError>) -> Result<Self, ReadError> {
        let mut data_set = DataSet::of(file, u64::MAX)?;
        let elements = data_set.read_up_to_pixels()?;
        let accepted = refuse_obfuscated(&elements).and_then(|()| refuse(&elements));
        match accepted.and_then(|()| Shape::of(&elements)) {
            Ok(shape) => Ok(Self { elements, shape, data_set }),
            Err(error) => Err(structure_or(error, &mut data_set)),
        }
    }

    /// Reads the pixels.
    pub(crate) fn into_frames(mut self) -> Result<Frames, ReadError> {
        let Shape { width, height, frames } = self.shape;
        let intensity = Intensity::of(&self.elements, frames);
        match Layout::of(&self.elements, width, height, frames) {
            Ok(layout) => Frames::read(&mut self.data_set, layout, intensity, extended_offsets(&self.elements)),
            Err(error) => Err(structure_or(error, &mut self.data_set)),
        }
    }

    /// Transfer syntax of the file.
    pub(crate) fn syntax(&self) -> &str {
        self.data_set.syntax()
    }

    /// How many times larger the pixels are than the file; `None` if the file does not state their size.
    pub(crate) fn compression_ratio(&self) -> Option<f64> {
        let Shape { width, height, frames } = self.shape;
        let bytes = number(&self.elements, tags::BITS_ALLOCATED)?.div_ceil(8);
        let samples = number(&self.elements, tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        let pixels = (width * height) as f64 * frames as f64;
        Some(pixels * (bytes * samples) as f64 / self.data_set.file_bytes() as f64).filter(|ratio| ratio.is_finite())
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
fn structure_or(error: ReadError, data_set: &mut DataSet<Source>) -> ReadError {
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

/// Rejects photographs and pictures from the front, which belong to scans but show no B-scans.
fn refuse_companions(object: &InMemDicomObject) -> Result<(), ReadError> {
    match text(object, tags::SOP_CLASS_UID) {
        Some(class) if is_companion(&class) => Err(ReadError::Unsupported(
            "a DICOM photograph or en-face image, which has no B-scans; the scans that refer to it show it in their reports"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Offset of each frame in the Extended Offset Table (PS3.3, C.7.6.3.1.8); empty if there is none.
fn extended_offsets(object: &InMemDicomObject) -> Vec<u64> {
    let table = object.get(tags::EXTENDED_OFFSET_TABLE).and_then(|e| e.to_bytes().ok());
    table.map(|bytes| bytes.as_chunks::<8>().0.iter().map(|&b| u64::from_le_bytes(b)).collect()).unwrap_or_default()
}
