//! Collects a volume's boundaries for its DICOM objects.

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    surface::Surfaces,
};

/// The row of every boundary in each A-scan, by B-scan. Single precision, since all B-scans are kept until the last one
/// arrives.
pub(crate) struct Heights {
    /// Samples along each A-scan.
    height: usize,
    /// A-scans in each B-scan.
    width: usize,
    /// NaN where a boundary is not determined.
    rows: [Vec<f32>; BOUNDARIES],
}

impl Heights {
    /// Empty heights of a scan whose B-scans have `width` A-scans of `height` samples.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { height, width, rows: std::array::from_fn(|_| Vec::new()) }
    }

    /// Adds the next B-scan.
    pub(crate) fn add(&mut self, surfaces: &Surfaces) {
        for boundary in Boundary::ALL {
            let rows = surfaces.rows(boundary).iter().map(|row| row.unwrap_or(f32::NAN));
            self.rows[boundary.index()].extend(rows);
        }
    }

    /// Number of B-scans.
    pub(super) fn bscans(&self) -> usize {
        self.rows[0].len() / self.width
    }

    /// Whether any boundary is determined anywhere.
    pub(super) fn has_lines(&self) -> bool {
        self.rows.iter().flatten().any(|row| !row.is_nan())
    }

    /// The row of `boundary` in each A-scan of every B-scan.
    pub(super) fn rows(&self, boundary: Boundary) -> impl Iterator<Item = Option<f32>> + '_ {
        known(&self.rows[boundary.index()])
    }

    /// The layer mask of a B-scan, see [`Surfaces::mask`].
    pub(super) fn mask(&self, bscan: usize) -> Vec<u8> {
        let ascans = bscan * self.width..(bscan + 1) * self.width;
        let rows = |b: Boundary| known(&self.rows[b.index()][ascans.clone()]).collect();
        Surfaces::exact(self.height, Boundary::ALL.map(rows)).mask()
    }
}

fn known(rows: &[f32]) -> impl Iterator<Item = Option<f32>> + '_ {
    rows.iter().map(|&row| Some(row).filter(|row| !row.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_core::phantom::{Phantom, PhantomOptions};

    #[test]
    fn heights_give_the_masks_of_the_surfaces() {
        let phantom = Phantom::generate(&PhantomOptions::spectralis(), 3).surfaces;
        let (width, height) = (phantom.width(), phantom.height());
        let blank = Surfaces::undetermined(width, height);
        let mut heights = Heights::new(width, height);
        heights.add(&blank);
        assert!(!heights.has_lines());
        heights.add(&phantom);
        assert!(heights.has_lines());
        assert_eq!(heights.bscans(), 2);
        assert!(heights.mask(0) == blank.mask() && heights.mask(1) == phantom.mask());
        let ilm: Vec<_> = heights.rows(Boundary::Ilm).collect();
        assert_eq!(ilm, [blank.rows(Boundary::Ilm), phantom.rows(Boundary::Ilm)].concat());
    }
}
