//! A DICOM file as a scan: one B-scan per frame.

use std::path::{Path, PathBuf};

use octrls_core::scan::{BScan, ScanHeader, Subject};

use super::{
    DicomOrigin, elements::is_tomography, errors::catch_panic, frames::Frames, fundus, geometry::Geometry,
    locations::ScaledLocations, object::OpenObject, subject,
};
use crate::{FundusImage, ReadError, ScanReader, header_ext::HeaderExt as _, sidecar::Hints};

/// A DICOM file; decodes one frame at a time.
pub(crate) struct DicomFile {
    header: ScanHeader,
    frames: Frames,
    origin: DicomOrigin,
    subject: Option<Subject>,
    path: PathBuf,
    locations: Option<ScaledLocations>,
}

impl DicomFile {
    pub(crate) fn open(path: &Path, hints: &Hints) -> Result<Self, ReadError> {
        catch_panic(|| Self::parse(path, hints))
    }

    fn parse(path: &Path, hints: &Hints) -> Result<Self, ReadError> {
        let open = OpenObject::open(path)?;
        let (object, shape) = (&open.elements, open.shape);
        let geometry = Geometry::of_object(object, shape);
        let header = geometry.header(if is_tomography(object) { "DICOM OPT" } else { "DICOM" }, shape, hints);
        let (origin, subject) = (DicomOrigin::of(object, shape.frames), subject::of(object));
        let frames = open.into_frames()?;
        Ok(Self { header, frames, origin, subject, path: path.to_owned(), locations: geometry.locations })
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

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        match &self.locations {
            Some(locations) => fundus::read(locations, std::slice::from_ref(&self.path)),
            None => Ok(None),
        }
    }

    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        Some(&self.origin)
    }
}
