//! Readers of OCT scanner files.
//!
//! [`open`], or [`OpenedScan`] for files of several series, chooses a reader by content. A [`ScanReader`] then returns one B-scan at a time, so that the intensities of
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
mod open;
mod raster;
mod sidecar;
mod source;
mod topcon;
mod zeiss;

use std::path::Path;

use serde::{Deserialize, Serialize};

use octrls_core::{
    layer::Boundary,
    scan::{BScan, BoundaryRows, ScanHeader, Subject},
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
pub use open::{OpenedScan, open};
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
