//! Scans: what a B-scan is, what is known of its geometry and from where, and the readers of scanner files.
//!
//! [`open`] chooses a reader by content; a [`ScanReader`] then hands out one B-scan at a time, so that the intensities of a
//! volume are never in memory as a whole. (Those of DICOM files are there as the file has them, often compressed.)

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
pub use files::{ScanFiles, SeriesKey, around, gather, may_be_instance, series_key};
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

/// Hands out the B-scans of one scan, each when it is asked for.
pub trait ScanReader: Send {
    /// What is known of the scan.
    fn header(&self) -> &ScanHeader;

    /// Reads the B-scan at `index`, 0-based; its size is that of the header.
    ///
    /// # Errors
    /// [`ReadError`] when the pixels are missing, broken or `index` is past the last B-scan.
    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError>;

    /// The boundaries that the scanner itself found in the B-scan at `index`; none where it keeps them to itself.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_boundaries(&mut self, _index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        Ok(Vec::new())
    }

    /// The signal of the B-scan at `index` in decibels, as the scanner itself states it.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_signal_db(&mut self, _index: usize) -> Result<Option<f32>, ReadError> {
        Ok(None)
    }

    /// The image of the fundus, where the file has one.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        Ok(None)
    }

    /// Whose eye it is and when it was scanned, where the file says both.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(None)
    }

    /// What objects made from the scan refer to, where it is a DICOM object.
    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        None
    }
}

/// What the operator says of scans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Axial spacing in micrometres, for files that carry none.
    pub axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for files that carry none.
    pub lateral_um: Option<f64>,
    /// Micrometres on the retina to a degree, for files that state places in degrees.
    pub um_per_degree: Option<f64>,
    /// Take an export of which some images are missing, without these.
    pub allow_missing: bool,
    /// Of a file that holds several series of B-scans, the one to take; 1 is the first.
    pub series: Option<u32>,
}

/// Opens a scan: the format is recognised by content, whatever the file's name. A folder is a volume of the images in it, or of the
/// instances of a DICOM series.
///
/// What holds for every file of a format counts last. A spacing in the file itself wins over a sidecar (`scan.png.toml`), and a sidecar over `options`.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, is of no known format, is broken, or is larger than
/// [`MAX_PIXELS`] allows.
pub fn open(path: &Path, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    open_files(&ScanFiles::one(path), options)
}

/// Opens a scan of one or several files as [`open`] does; the sidecar of a series is that of the file it is called by.
///
/// # Errors
/// As [`open`].
pub fn open_files(files: &ScanFiles, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    let path = files.path();
    let mut stated = sidecar::read(path)?;
    stated.fill_from(options, Provenance::Operator)?;
    // Only an .E2E file has several.
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

/// How many series of B-scans the file at `path` holds, each a scan of its own; one of any format but `.E2E`.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, or what lists its series is broken.
pub fn series(path: &Path) -> Result<u32, ReadError> {
    if path.is_dir() || !HeidelbergE2e::recognises(&raster::first_bytes(path)?) {
        return Ok(1);
    }
    HeidelbergE2e::series(path)
}

/// The files that are no scans of their own but parts of the scan at `path`: the images of an export folder.
#[must_use]
pub fn parts(path: &Path) -> ExportParts {
    match raster::first_bytes(path) {
        Ok(start) if HeidelbergExport::recognises(&start) => ExportParts::of(path),
        _ => ExportParts::default(),
    }
}

/// Whether a file name is one of a scan that consists of several files, by its ending.
#[must_use]
pub fn may_have_parts(path: &Path) -> bool {
    has_extension(path, &["xml"])
}

/// Whether a file name is one that [`open`] may know, by its ending; used to leave sidecars and notes alone.
#[must_use]
pub fn has_scan_extension(path: &Path) -> bool {
    raster::has_extension(path)
        || has_extension(path, &["dcm", "dicom", "e2e", "fda", "fds", "img", "oct", "vol", "xml"])
}

/// Whether the ending of a file name is one of `known`, in whatever case.
fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_ascii_lowercase().as_str()))
}
