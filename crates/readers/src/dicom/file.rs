//! A DICOM object as a scan: one B-scan per frame. An object that was split into a concatenation has several files.

use std::path::PathBuf;

use octrls_core::scan::{Acquisition, BScan, Crop, Note, ScanHeader, ScanSettings, Subject};
use octrls_fs::within::Within;

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
use crate::{
    FundusImage, ReadError, ScanReader, dimensions::MAX_BSCANS, header_ext::HeaderExt as _, panel, sidecar::Hints,
    sized_file::SizedFile,
};

/// A DICOM object; decodes one frame at a time.
pub(crate) struct DicomFile {
    header: ScanHeader,
    frames: ScanFrames,
    origin: DicomOrigin,
    subject: Option<Subject>,
    acquisition: Acquisition,
    settings: ScanSettings,
    paths: Vec<PathBuf>,
    within: Within,
    locations: Option<ScaledLocations>,
    references: Vec<String>,
    /// `None` if each frame is one image.
    window: Option<Window>,
}

/// A viewer's window, which may have several panels.
struct Window {
    /// The B-scan's panel; `None` if it is the whole frame.
    crop: Option<Crop>,
}

impl DicomFile {
    pub(crate) fn open(file: SizedFile, hints: &Hints, allow_missing: bool) -> Result<Self, ReadError> {
        catch_panic(|| Self::parse(vec![file], hints, allow_missing))
    }

    /// Opens the object whose parts are `paths`, in any order, `within` what may be opened.
    pub(crate) fn open_parts(
        paths: &[PathBuf],
        within: &Within,
        hints: &Hints,
        allow_missing: bool,
    ) -> Result<Self, ReadError> {
        let files = paths.iter().map(|path| SizedFile::open(path, within)).collect::<Result<_, _>>()?;
        catch_panic(|| Self::parse(files, hints, allow_missing))
    }

    fn parse(files: Vec<SizedFile>, hints: &Hints, allow_missing: bool) -> Result<Self, ReadError> {
        let Some(within) = files.first().map(|file| file.within().clone()) else { return Err(ReadError::Empty) };
        let mut parts = Vec::with_capacity(files.len());
        for file in files {
            let path = file.path().to_owned();
            let open = OpenObject::open(file)?;
            parts.push((PartPlace::of(&open.elements)?, path, open));
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
        let is_tomography = is_tomography(&first.elements);
        let format = if is_tomography { "DICOM OPT" } else { "DICOM" };
        let mut header = geometry.header(format, shape, hints);
        header.notes.extend(is_part.then_some(Note::PartOfConcatenation));
        let acquisition = subject::acquisition(&first.elements);
        let subject = subject::of(&first.elements, &acquisition);
        let settings = subject::settings(&first.elements);
        let references = fundus::references(&first.elements);
        let origins = parts.iter().map(|(.., open)| DicomOrigin::of(open)).collect();
        let Some(origin) = DicomOrigin::of_series(origins) else { return Err(ReadError::Empty) };
        let (mut paths, mut decoded) = (Vec::new(), Vec::new());
        for (_, path, open) in parts {
            paths.push(path);
            decoded.push(open.into_frames()?);
        }
        let (locations, frames) = (geometry.locations, ScanFrames::of(decoded));
        let mut scan = Self {
            header,
            frames,
            origin,
            subject,
            acquisition,
            settings,
            paths,
            within,
            locations,
            references,
            window: None,
        };
        // A secondary capture may show a viewer's window; what a scanner writes is one image.
        if !is_tomography {
            scan.find_panel()?;
        }
        Ok(scan)
    }

    /// Finds the B-scan's panel in the frames.
    fn find_panel(&mut self) -> Result<(), ReadError> {
        let (bscan, crop) = panel::bscan_of(self.frames.decode(0)?)?;
        self.window = Some(Window { crop });
        if let Some(crop) = crop {
            // Where frames lie says nothing of the panel.
            let header = ScanHeader { tracks: Vec::new(), places: None, ..self.header.clone() };
            self.header = ScanHeader { width: bscan.width, height: bscan.height, ..header };
            self.header.notes.push(Note::PanelOfPicture(crop));
            (self.locations, self.origin.planes) = (None, None);
        }
        Ok(())
    }
}

impl ScanReader for DicomFile {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let frame = self.frames.decode(index)?;
        match &self.window {
            None => Ok(frame),
            Some(Window { crop }) => panel::same_panel_of(frame, *crop),
        }
    }

    fn crop(&self) -> Option<Crop> {
        self.window.as_ref().and_then(|window| window.crop)
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(self.subject.clone())
    }

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(self.acquisition.clone())
    }

    fn settings(&mut self) -> Result<ScanSettings, ReadError> {
        Ok(self.settings.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        fundus::read(self.locations.as_ref(), &self.references, (&self.paths, &self.within))
    }

    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        Some(&self.origin)
    }
}
