//! A DICOM object as a scan: one B-scan per frame. An object that was split into a concatenation has several files.

use std::path::{Path, PathBuf};

use octrls_core::scan::{Acquisition, BScan, Note, ScanHeader, Subject};

use super::{
    DicomOrigin,
    concatenation::{self, PartPlace},
    elements::is_tomography,
    errors::catch_panic,
    frames::ScanFrames,
    fundus,
    geometry::{Facts, Geometry},
    locations::ScaledLocations,
    object::{OpenObject, Shape},
    subject,
};
use crate::{FundusImage, ReadError, ScanReader, dimensions::MAX_BSCANS, header_ext::HeaderExt as _, sidecar::Hints};

/// A DICOM object; decodes one frame at a time.
pub(crate) struct DicomFile {
    header: ScanHeader,
    frames: ScanFrames,
    origin: DicomOrigin,
    subject: Option<Subject>,
    acquisition: Acquisition,
    paths: Vec<PathBuf>,
    locations: Option<ScaledLocations>,
    references: Vec<String>,
}

impl DicomFile {
    pub(crate) fn open(path: &Path, hints: &Hints, allow_missing: bool) -> Result<Self, ReadError> {
        Self::open_parts(&[path.to_owned()], hints, allow_missing)
    }

    /// Opens the object whose parts are `paths`, in any order.
    pub(crate) fn open_parts(paths: &[PathBuf], hints: &Hints, allow_missing: bool) -> Result<Self, ReadError> {
        catch_panic(|| Self::parse(paths, hints, allow_missing))
    }

    fn parse(paths: &[PathBuf], hints: &Hints, allow_missing: bool) -> Result<Self, ReadError> {
        let mut parts = Vec::with_capacity(paths.len());
        for path in paths {
            let open = OpenObject::open(path)?;
            parts.push((PartPlace::of(&open.elements)?, path.clone(), open));
        }
        parts.sort_by_key(|(place, ..)| place.as_ref().map(|place| place.number));
        let places: Vec<_> = parts.iter().map(|(place, _, open)| (place.as_ref(), open)).collect();
        let is_part = concatenation::check(&places, allow_missing)?;

        let frames = parts.iter().map(|(.., open)| open.shape.frames).sum();
        if frames as u64 > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("invalid number of frames: {frames}")));
        }
        let Some((.., first)) = parts.first() else { return Err(ReadError::Empty) };
        let shape = Shape { frames, ..first.shape };
        let facts = parts.iter().map(|(.., open)| Facts::of(&open.elements, shape.width, open.shape.frames)).collect();
        let geometry = Geometry::of(Facts::of_series(facts, frames), shape.width, frames);
        let format = if is_tomography(&first.elements) { "DICOM OPT" } else { "DICOM" };
        let mut header = geometry.header(format, shape, hints);
        header.notes.extend(is_part.then_some(Note::PartOfConcatenation));
        let acquisition = subject::acquisition(&first.elements);
        let subject = subject::of(&first.elements, &acquisition);
        let references = fundus::references(&first.elements);
        let origins = parts.iter().map(|(.., open)| DicomOrigin::of(&open.elements, open.shape.frames)).collect();
        let Some(origin) = DicomOrigin::of_series(origins) else { return Err(ReadError::Empty) };
        let (mut paths, mut decoded) = (Vec::new(), Vec::new());
        for (_, path, open) in parts {
            paths.push(path);
            decoded.push(open.into_frames()?);
        }
        let (locations, frames) = (geometry.locations, ScanFrames::of(decoded));
        Ok(Self { header, frames, origin, subject, acquisition, paths, locations, references })
    }
}

impl ScanReader for DicomFile {
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

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(self.acquisition.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        fundus::read(self.locations.as_ref(), &self.references, &self.paths)
    }

    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        Some(&self.origin)
    }
}
