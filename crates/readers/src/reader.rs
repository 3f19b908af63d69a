//! The interface of all readers.

use octrls_core::{
    layer::Boundary,
    scan::{Acquisition, BScan, BoundaryRows, Crop, ScanHeader, ScanSettings, Subject},
};

use crate::{DicomOrigin, FundusImage, ReadError};

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

    /// When and with what the scan was taken, as far as the file states it; also of a scan of nobody.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(Acquisition::default())
    }

    /// How the scan was acquired, as far as the file states it.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn settings(&mut self) -> Result<ScanSettings, ReadError> {
        Ok(ScanSettings::default())
    }

    /// The part of each picture that is its B-scan, in pixels of the picture; `None` if it is all of it.
    fn crop(&self) -> Option<Crop> {
        None
    }

    /// What derived DICOM objects refer to, if the scan is a DICOM object.
    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        None
    }
}
