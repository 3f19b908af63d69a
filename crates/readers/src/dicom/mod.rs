//! DICOM: Ophthalmic Tomography and, as far as possible, other images such as secondary captures.
//!
//! Spacing, eye and position come from the functional groups (PS3.3, C.7.6.16); those of a frame win over the shared
//! ones. Pixels stay as stored in the file until a B-scan is requested.

mod frames;
mod geometry;
mod groups;
mod instance;
mod jpeg_ls;
mod lengths;
mod location;
mod meta;
mod origin;
mod series;
mod subject;
pub mod uid;

pub use lengths::{check as check_lengths, identifiers};
pub use meta::Meta;

use crate::header::HeaderExt as _;
use std::{
    fs::File,
    io::BufReader,
    panic::UnwindSafe,
    path::{Path, PathBuf},
};

use dicom_dictionary_std::{tags, uids};
use dicom_object::{InMemDicomObject, collector::DicomCollector};

use super::{
    FundusImage, ReadError, ScanReader,
    dimensions::{self, MAX_BSCANS},
    sidecar::Hints,
};
use frames::{Frames, Layout};
use geometry::{Facts, Geometry};
pub(crate) use instance::series_key;
use location::Locations;
use octrls_core::scan::{BScan, Eye, ScanHeader, Subject};
pub use origin::{DicomOrigin, DicomReference, FramePlanes};
pub use series::DicomSeries;

/// Identifies this program in the files it writes and to peers (PS3.7, D.3.3.2).
pub const IMPLEMENTATION_CLASS: &str = "2.25.190853674182263105948521703596468712953";
/// The same with the version.
pub const IMPLEMENTATION_VERSION: &str = concat!("OCTRLS_", env!("CARGO_PKG_VERSION"));
const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";

/// A DICOM file; decodes one frame at a time.
pub struct Dicom {
    header: ScanHeader,
    frames: Frames,
    origin: DicomOrigin,
    subject: Option<Subject>,
    path: PathBuf,
    /// Positions of the frames on a fundus image, and millimetres per pixel of it.
    locations: Option<(Locations, Option<f64>)>,
}

impl Dicom {
    /// Whether `start`, the first bytes of a file, belong to a DICOM file.
    #[must_use]
    pub fn recognises(start: &[u8]) -> bool {
        start.get(PREAMBLE..PREAMBLE + MAGIC.len()) == Some(MAGIC)
    }

    pub(crate) fn open(path: &Path, stated: &Hints) -> Result<Self, ReadError> {
        caught(|| Self::parse(path, stated))
    }

    fn parse(path: &Path, stated: &Hints) -> Result<Self, ReadError> {
        let mut opened = Opened::at(path)?;
        let object = &opened.object;
        let (width, height, count) = shape(object)?;
        let layout = Layout::of(object, width, height, count)?;
        let geometry = Geometry::of(Facts::of(object, width, count), width, count);
        let format = if is_tomography(object) { "DICOM OPT" } else { "DICOM" };
        let header = geometry.header(format, (count, width, height), stated);
        let (origin, subject) = (DicomOrigin::of(object, count), subject::of(object));
        let frames = Frames::read(&mut opened.collector, layout, &opened.syntax, opened.bytes)?;
        Ok(Self { header, frames, origin, subject, path: path.to_owned(), locations: geometry.locations })
    }
}

/// A file that was read up to its pixels.
struct Opened {
    collector: DicomCollector<BufReader<File>>,
    object: InMemDicomObject,
    /// Transfer syntax.
    syntax: String,
    /// Length of the file.
    bytes: u64,
}

impl Opened {
    fn at(path: &Path) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        lengths::check(path)?;
        let mut collector = DicomCollector::open_file(path).map_err(|e| broken(&e))?;
        let meta = collector.read_file_meta().map_err(|e| broken(&e))?;
        let syntax = meta.transfer_syntax().trim_end_matches('\0').to_owned();
        let mut object = InMemDicomObject::new_empty();
        collector.read_dataset_up_to_pixeldata(&mut object).map_err(|e| broken(&e))?;
        refuse_obfuscated(&object)?;
        refuse_results(&object)?;
        Ok(Self { collector, object, syntax, bytes })
    }
}

/// A-scans, samples and number of frames of an object.
fn shape(object: &InMemDicomObject) -> Result<(usize, usize, usize), ReadError> {
    let need = |tag, name: &str| {
        number(object, tag).ok_or_else(|| ReadError::Malformed(format!("the DICOM file does not state its {name}")))
    };
    let (width, height) = dimensions::check(need(tags::COLUMNS, "columns")?, need(tags::ROWS, "rows")?)?;
    let count = number(object, tags::NUMBER_OF_FRAMES).unwrap_or(1);
    if count == 0 || count > MAX_BSCANS {
        return Err(ReadError::Malformed(format!("invalid number of frames: {count}")));
    }
    Ok((width, height, count as usize))
}

impl ScanReader for Dicom {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        self.frames.decode(index)
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(self.subject.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        match &self.locations {
            Some((locations, pixel_mm)) => locations.fundus(std::slice::from_ref(&self.path), *pixel_mm),
            None => Ok(None),
        }
    }

    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        Some(&self.origin)
    }
}

/// Runs `read` and turns a panic into an error. Broken structures can make the parser panic, and the check of lengths
/// may miss some of them.
fn caught<T>(read: impl FnOnce() -> Result<T, ReadError> + UnwindSafe) -> Result<T, ReadError> {
    std::panic::catch_unwind(read).unwrap_or_else(|_| Err(ReadError::Malformed("invalid DICOM structure".to_owned())))
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

fn obfuscated() -> ReadError {
    ReadError::Unsupported("Zeiss DICOM with obfuscated pixels; export it as unobfuscated DICOM, or as .img".to_owned())
}

fn is_tomography(object: &InMemDicomObject) -> bool {
    text(object, tags::SOP_CLASS_UID).is_some_and(|uid| uid == uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE)
}

fn eye(object: &InMemDicomObject, tag: dicom_core::Tag) -> Option<Eye> {
    Eye::of_letter(&text(object, tag)?)
}

/// The text of an element, up to a NUL: some writers leave garbage after it.
fn text(object: &InMemDicomObject, tag: dicom_core::Tag) -> Option<String> {
    let value = object.get(tag)?.to_str().ok()?;
    let text = value.split('\0').next().unwrap_or_default().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(object: &InMemDicomObject, tag: dicom_core::Tag) -> Option<u64> {
    object.get(tag)?.to_int().ok()
}

fn broken(error: &dyn std::error::Error) -> ReadError {
    // The parser's errors name their cause only in their sources.
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::UnexpectedEof) {
            return ReadError::Truncated("unexpected end of file".to_owned());
        }
        reason = cause.to_string();
        source = cause.source();
    }
    ReadError::Malformed(format!("DICOM: {reason}"))
}
