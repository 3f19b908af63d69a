//! Collects a volume's boundaries for its DICOM objects.

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    measure::ChoroidVisibility,
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
    /// The row at which the photoreceptors end, and that of the outer edge of the RPE.
    around_rpe: [Vec<f32>; 2],
    choroid: ChoroidVisibility,
}

impl Heights {
    /// Empty heights of a scan whose B-scans have `width` A-scans of `height` samples.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (rows, around_rpe, choroid) = Default::default();
        Self { height, width, rows, around_rpe, choroid }
    }

    /// Adds the next B-scan.
    pub(crate) fn add(&mut self, surfaces: &Surfaces) {
        for boundary in Boundary::ALL {
            let rows = surfaces.rows(boundary).iter().map(|row| row.unwrap_or(f32::NAN));
            self.rows[boundary.index()].extend(rows);
        }
        for (line, rows) in self.around_rpe.iter_mut().zip([surfaces.ez_end(), surfaces.rpe_outer()]) {
            line.extend(rows.iter().map(|row| row.unwrap_or(f32::NAN)));
        }
        self.choroid = [self.choroid, ChoroidVisibility::of(surfaces)].into_iter().sum();
    }

    /// Share of the A-scans with a choroid-sclera boundary in which it is visible; `None` if there is none.
    pub(super) fn choroid_visible(&self) -> Option<f32> {
        self.choroid.share()
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
        let of = |line: &[f32]| known(&line[ascans.clone()]).collect();
        let [ez_end, rpe_outer] = self.around_rpe.each_ref().map(|line| of(line));
        let rows = Boundary::ALL.map(|b| of(&self.rows[b.index()]));
        Surfaces::exact(self.height, rows).with_fluid(ez_end, rpe_outer).mask()
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
        let raised = |b: Boundary| phantom.rows(b).iter().map(|row| row.map(|row| row - 2.0)).collect();
        let (ez_end, rpe_outer) = (raised(Boundary::EzRpe), raised(Boundary::RpeBm));
        let visible = (0..width).map(|x| x % 4 == 0).collect();
        let phantom = phantom.with_fluid(ez_end, rpe_outer).with_choroid_visible(visible);
        let blank = Surfaces::undetermined(width, height);
        let mut heights = Heights::new(width, height);
        heights.add(&blank);
        assert!(!heights.has_lines());
        heights.add(&phantom);
        assert!(heights.has_lines());
        assert_eq!(heights.bscans(), 2);
        assert!(heights.choroid_visible().is_some_and(|share| (share - 0.25).abs() < 0.01));
        assert!(heights.mask(0) == blank.mask() && heights.mask(1) == phantom.mask());
        let ilm: Vec<_> = heights.rows(Boundary::Ilm).collect();
        assert_eq!(ilm, [blank.rows(Boundary::Ilm), phantom.rows(Boundary::Ilm)].concat());
    }
}
