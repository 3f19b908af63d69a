//! Readers of OCT scanner files.
//!
//! [`open`] chooses a reader by content. A [`ScanReader`] then returns one B-scan at a time, so that the intensities of
//! a volume are never all in memory. (DICOM pixels stay in memory as stored in the file, often compressed.)

mod bioptigen;
mod codec;
pub mod dicom;
mod dimensions;
mod error;
mod files;
mod folder;
mod fundus;
mod header;
mod heidelberg;
mod raster;
mod sidecar;
mod source;
mod topcon;
mod zeiss;

use std::path::Path;

use serde::{Deserialize, Serialize};

use octrls_core::{
    layer::Boundary,
    scan::{BScan, BoundaryRows, Provenance, ScanHeader, Subject},
};

pub use bioptigen::Bioptigen;
pub use dicom::{Dicom, DicomOrigin, DicomReference, DicomSeries, FramePlanes};
pub use dimensions::{MAX_PIXELS, MAX_SIDE};
pub use error::ReadError;
pub use files::{ScanFiles, SeriesKey, group_scans, may_be_instance, series_key, series_of};
pub use folder::{ImageFolder, NaturalKey, natural_key};
pub use fundus::FundusImage;
pub use heidelberg::{
    e2e::HeidelbergE2e,
    vol::HeidelbergVol,
    xml::{ExportParts, HeidelbergExport},
};
pub use raster::Raster;
pub use topcon::Topcon;
pub use zeiss::Cirrus;

/// Reads the B-scans of one scan on demand.
pub trait ScanReader: Send {
    /// Facts about the scan.
    fn header(&self) -> &ScanHeader;

    /// Reads the B-scan at `index`, 0-based, in the size that the header states.
    ///
    /// # Errors
    /// [`ReadError`] when the pixels are missing or broken, or `index` is past the last B-scan.
    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError>;

    /// Boundaries that the scanner found in the B-scan at `index`; empty if the file has none.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_boundaries(&mut self, _index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        Ok(Vec::new())
    }

    /// Signal of the B-scan at `index` in decibels, as the scanner states it.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_signal_db(&mut self, _index: usize) -> Result<Option<f32>, ReadError> {
        Ok(None)
    }

    /// The fundus image, if the file has one.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        Ok(None)
    }

    /// Patient, acquisition time and scanner, if the file states who and when.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(None)
    }

    /// What derived DICOM objects refer to, if the scan is a DICOM object.
    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        None
    }
}

/// Operator's statements about scans, and reading options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Axial spacing in micrometres, for files without one.
    pub axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for files without one.
    pub lateral_um: Option<f64>,
    /// Micrometres on the retina per degree, for files with positions in degrees.
    pub um_per_degree: Option<f64>,
    /// Accept an export with missing images, and read the others.
    pub allow_missing: bool,
    /// Series to read from a file that holds several; 1 is the first.
    pub series: Option<u32>,
}

/// Opens a scan. The format is recognised by content, not by name. A folder is a volume of its images, or of the
/// instances of a DICOM series.
///
/// A spacing in the file itself wins over a sidecar (`scan.png.toml`), a sidecar over `options`, and `options` over
/// values that hold for every file of a format.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, is of unknown format, is broken, or exceeds [`MAX_PIXELS`].
pub fn open(path: &Path, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    open_files(&ScanFiles::one(path), options)
}

/// Opens a scan of one or several files, as [`open`] does. A series uses the sidecar of the file that names it.
///
/// # Errors
/// As [`open`].
pub fn open_files(files: &ScanFiles, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    let path = files.path();
    let mut stated = sidecar::read(path)?;
    stated.fill_from(options, Provenance::Operator)?;
    // Only an .E2E file can hold several series.
    let other = options.series.filter(|&n| n != 1).map(|number| ReadError::NoSuchSeries { number, count: 1 });
    if !files.instances().is_empty() {
        if let Some(error) = other {
            return Err(error);
        }
        return Ok(Box::new(DicomSeries::open(files.instances(), &stated)?));
    }
    if path.is_dir() {
        if let (instances, true) = folder::of_volume(path)? {
            return Ok(Box::new(DicomSeries::open(&instances, &stated)?));
        }
        return Ok(Box::new(ImageFolder::open(path, &stated)?));
    }
    let start = raster::first_bytes(path)?;
    if HeidelbergE2e::recognises(&start) {
        return Ok(Box::new(HeidelbergE2e::open(path, &stated, options)?));
    }
    if let Some(error) = other {
        return Err(error);
    }
    if Dicom::recognises(&start) {
        return Ok(Box::new(Dicom::open(path, &stated)?));
    }
    if HeidelbergVol::recognises(&start) {
        Ok(Box::new(HeidelbergVol::open(path, &stated)?))
    } else if Bioptigen::recognises(&start) {
        Ok(Box::new(Bioptigen::open(path, &stated)?))
    } else if Topcon::recognises(&start) {
        Ok(Box::new(Topcon::open(path, &stated)?))
    } else if HeidelbergExport::recognises(&start) {
        Ok(Box::new(HeidelbergExport::open(path, &stated, options.allow_missing)?))
    } else if std::fs::metadata(path).is_ok_and(|m| Cirrus::recognises(path, m.len())) {
        Ok(Box::new(Cirrus::open(path, &stated)?))
    } else {
        Ok(Box::new(Raster::open(path, &start, &stated)?))
    }
}

/// Number of series of B-scans in the file at `path`, each its own scan; one for any format except `.E2E`.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, or its list of series is broken.
pub fn series(path: &Path) -> Result<u32, ReadError> {
    if path.is_dir() || !HeidelbergE2e::recognises(&raster::first_bytes(path)?) {
        return Ok(1);
    }
    HeidelbergE2e::series(path)
}

/// The files that belong to the scan at `path` and are no scans themselves: the images of an export folder.
#[must_use]
pub fn parts(path: &Path) -> ExportParts {
    match raster::first_bytes(path) {
        Ok(start) if HeidelbergExport::recognises(&start) => ExportParts::of(path),
        _ => ExportParts::default(),
    }
}

/// Whether the extension is that of a scan that can consist of several files.
#[must_use]
pub fn may_have_parts(path: &Path) -> bool {
    has_extension(path, &["xml"])
}

/// Whether the extension is one that [`open`] may know; used to skip sidecars and notes.
#[must_use]
pub fn has_scan_extension(path: &Path) -> bool {
    raster::has_extension(path)
        || has_extension(path, &["dcm", "dicom", "e2e", "fda", "fds", "img", "oct", "vol", "xml"])
}

/// Whether the extension is one of `known`, ignoring case.
fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_ascii_lowercase().as_str()))
}
