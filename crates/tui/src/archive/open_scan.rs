//! One finished scan, open for reading its B-scans.

use std::path::Path;

use octrls_core::{scan::BScan, segment::SegmentedBScan, surface::Surfaces};
use octrls_engine::MeasuredScan;
use octrls_report::{StoredError, StoredResult};

/// A result with its lines, and the scan's file.
pub(super) struct OpenScan {
    pub(super) result: StoredResult,
    pub(super) surfaces: Vec<Surfaces>,
    /// The scan, or why its pixels cannot be shown.
    scan: Result<MeasuredScan, String>,
}

impl OpenScan {
    /// Opens the result in `folder` of the scan at `path`.
    pub(super) fn open(folder: &Path, path: &Path) -> Result<Self, StoredError> {
        let result = StoredResult::open(folder)?;
        let surfaces = result.surfaces()?;
        let scan = MeasuredScan::open(&result, path);
        Ok(Self { result, surfaces, scan })
    }

    /// Why there are no pixels.
    pub(super) fn without_pixels(&self) -> Option<&str> {
        self.scan.as_ref().err().map(String::as_str)
    }

    /// The B-scan at `index`; on black if its pixels cannot be read.
    pub(super) fn bscan(&mut self, index: usize) -> Result<SegmentedBScan, StoredError> {
        let grid = self.result.grid();
        let index = index.min(grid.bscans - 1);
        let pixels = self.scan.as_mut().ok().and_then(|scan| scan.bscan(index).ok());
        let pixels = pixels.filter(|pixels| (pixels.width, pixels.height) == (grid.width, grid.height));
        let black = || BScan { width: grid.width, height: grid.height, intensity: vec![0.0; grid.width * grid.height] };
        self.result.bscan(index, pixels.unwrap_or_else(black), self.surfaces[index].clone())
    }
}
