//! The file of a scan that was measured before, opened again.

use std::path::Path;

use octrls_core::scan::BScan;
use octrls_readers::{OpenedScan, RawScan, ReadError, ReadOptions, ScanFiles, ScanReader, StatedFacts, series_of};
use octrls_report::StoredResult;

use crate::work::content::digest;

/// The pixels of a measured scan.
pub struct MeasuredScan {
    pub(crate) reader: Box<dyn ScanReader>,
    /// What a person states about the eye.
    pub(crate) stated: StatedFacts,
}

impl MeasuredScan {
    /// Opens the scan at `path`, which must be the one that `result` was measured on: another would show lines over the
    /// wrong image.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub fn open(result: &StoredResult, path: &Path) -> Result<Self, String> {
        if !path.exists() {
            return Err("the scan's file is gone".to_owned());
        }
        let files = if path.is_dir() { ScanFiles::one(path) } else { series_of(path).unwrap_or_else(|_| path.into()) };
        let grid = result.grid();
        let raw = u32::try_from(grid.width).ok().zip(u32::try_from(grid.bscans).ok());
        let options = ReadOptions {
            allow_missing: true,
            series: result.series(),
            raw: raw.map(|(ascans, bscans)| RawScan { ascans, bscans }),
            ..ReadOptions::default()
        };
        let opened = OpenedScan::open(&files).map_err(|e| e.to_string())?;
        let reader = opened.reader(options).map_err(|e| e.to_string())?;
        let found = digest(&files, path).map_err(|error| error.reason)?;
        let header = reader.header();
        let size = (header.bscans, header.width, header.height);
        if found != result.sha256() || size != (grid.bscans, grid.width, grid.height) {
            return Err("another file is now at the scan's path".to_owned());
        }
        let mut stated = opened.stated();
        if opened.series_count() > 1 {
            stated.centre = None;
        }
        Ok(Self { reader, stated })
    }

    /// Reads the B-scan at `index`, 0-based.
    ///
    /// # Errors
    /// [`ReadError`] when the pixels are missing or broken.
    pub fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.reader.bscan(index)
    }
}
