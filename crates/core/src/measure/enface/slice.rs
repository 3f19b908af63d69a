//! Thickness along one B-scan.

use std::sync::Arc;

use crate::scan::{BScanPosition, Place};

/// Thickness along one B-scan, and its place on the retina.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Places of the A-scans.
    pub track: BScanPosition,
    /// Thickness in each A-scan.
    pub thickness: AScanThickness,
}

/// Thickness in each A-scan of a B-scan, in micrometres. A volume keeps one for each B-scan until the last one arrives,
/// so values are single precision and clones share them.
#[derive(Clone, Debug)]
pub struct AScanThickness(
    /// NaN where not determined.
    Arc<[f32]>,
);

impl AScanThickness {
    /// Number of A-scans.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Thickness in A-scan `ascan`; `None` if it was not determined.
    pub(super) fn at(&self, ascan: usize) -> Option<f32> {
        Some(self.0[ascan]).filter(|thickness| !thickness.is_nan())
    }

    /// Thickness in each A-scan, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<f32>> + '_ {
        (0..self.count()).map(|ascan| self.at(ascan))
    }
}

impl FromIterator<Option<f32>> for AScanThickness {
    fn from_iter<I: IntoIterator<Item = Option<f32>>>(values: I) -> Self {
        Self(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
    }
}

impl Slice {
    /// Start and end of the B-scan, if it is a line of several A-scans.
    pub(super) fn line(&self) -> Option<(Place, Place)> {
        match self.track {
            BScanPosition::Line { start, end } if self.thickness.count() > 1 => Some((start, end)),
            _ => None,
        }
    }
}
