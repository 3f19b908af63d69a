//! What readers add to a [`ScanHeader`].

use octrls_core::scan::{Pattern, Provenance, ScanHeader};

use crate::{
    ReadError,
    sidecar::{Hints, VolumeLayout},
};

/// Methods of [`ScanHeader`] that readers need.
pub(crate) trait HeaderExt: Sized {
    /// The header of a volume whose B-scans lie as its sidecar states, unless the file states their places.
    fn with_sidecar_layout(self, hints: &Hints) -> Self;

    /// The header of a volume whose B-scans lie as in `layout`, unless the file states their places.
    fn with_layout(self, layout: VolumeLayout, from: Provenance) -> Self;

    /// Checks that the scan has a B-scan at `index`.
    ///
    /// # Errors
    /// [`ReadError::NoSuchBScan`] when it has not.
    fn check_index(&self, index: usize) -> Result<(), ReadError>;
}

impl HeaderExt for ScanHeader {
    fn with_sidecar_layout(self, hints: &Hints) -> Self {
        match hints.layout {
            Some(layout) => self.with_layout(layout, Provenance::Sidecar),
            None => self,
        }
    }

    fn with_layout(self, layout: VolumeLayout, from: Provenance) -> Self {
        let volume = self.bscans > 1 && matches!(self.pattern, Pattern::RasterVolume | Pattern::Unknown);
        let (true, true, Some(lateral)) = (volume, self.tracks.is_empty(), self.lateral) else { return self };
        let tracks = layout.tracks(self.bscans, lateral.mm() * self.width as f64);
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
