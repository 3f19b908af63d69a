//! What readers add to a [`ScanHeader`].

use octrls_core::scan::{Pattern, Provenance, ScanHeader};

use crate::{
    ReadError,
    sidecar::{Hints, Rows},
};

/// Methods of [`ScanHeader`] that readers need.
pub(crate) trait HeaderExt: Sized {
    /// The header with the sidecar's places, if the file of a volume states none.
    fn placed(self, stated: &Hints) -> Self;

    /// The header of a volume whose B-scans follow each other as in `rows`, unless the file states their places.
    fn laid(self, rows: Rows, from: Provenance) -> Self;

    /// Checks that the scan has a B-scan at `index`.
    ///
    /// # Errors
    /// [`ReadError::NoSuchBScan`] when it has not.
    fn check_index(&self, index: usize) -> Result<(), ReadError>;
}

impl HeaderExt for ScanHeader {
    fn placed(self, stated: &Hints) -> Self {
        match stated.rows {
            Some(rows) => self.laid(rows, Provenance::Sidecar),
            None => self,
        }
    }

    fn laid(self, rows: Rows, from: Provenance) -> Self {
        let volume = self.bscans > 1 && matches!(self.pattern, Pattern::RasterVolume | Pattern::Unknown);
        let (true, true, Some(lateral)) = (volume, self.tracks.is_empty(), self.lateral) else { return self };
        let tracks = rows.tracks(self.bscans, lateral.mm() * self.width as f64);
        if tracks.is_empty() {
            return self;
        }
        let pattern_from = self.pattern_from.or(Some(from));
        Self { tracks, pattern: Pattern::RasterVolume, pattern_from, places: Some(from), ..self }
    }

    fn check_index(&self, index: usize) -> Result<(), ReadError> {
        let count = self.bscans;
        if index < count { Ok(()) } else { Err(ReadError::NoSuchBScan { index, count }) }
    }
}
