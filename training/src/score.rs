//! Accuracy of segmentations, added up over the B-scans of each data set.

use std::collections::BTreeMap;

use octrls::{
    layer::{BOUNDARIES, Boundary, Layer},
    measure::accuracy::{BoundaryError, Overlap, boundaries_of_mask},
    surface::Surfaces,
};

use crate::data::{BoundaryRows, Sample};

/// Classes that every set labels: background and the seven layers above the choroid.
pub const LABELLED_CLASSES: std::ops::RangeInclusive<usize> = 0..=7;

/// Accuracy over the B-scans of one set.
#[derive(Clone, Debug, Default)]
pub struct SetScore {
    /// Number of B-scans.
    pub bscans: usize,
    /// Agreement of the index masks.
    pub overlap: Overlap,
    /// Distance of the boundaries, in pixels of the scan.
    pub boundaries: [BoundaryError; BOUNDARIES],
    /// Axial spacing in micrometres, where the whole set has one.
    pub axial_um: Option<f64>,
}

impl SetScore {
    /// Adds one segmented scan, compared with the labels of `sample` or, for boundaries, with `truth`.
    pub fn add(&mut self, sample: &Sample, surfaces: &Surfaces, truth: &BoundaryRows) {
        let mut mask = surfaces.mask();
        if !sample.choroid_labelled {
            // Where nobody labelled the choroid, it is part of the background.
            mask.iter_mut().filter(|c| **c == Layer::Choroid.class()).for_each(|c| *c = 0);
        }
        self.bscans += 1;
        self.overlap.add(&mask, &sample.mask);
        self.axial_um = sample.axial_um;
        for ((error, boundary), truth) in self.boundaries.iter_mut().zip(Boundary::ALL).zip(truth) {
            error.add(surfaces.rows(boundary), truth);
        }
    }

    /// Mean IoU of background and the seven layers.
    #[must_use]
    pub fn mean_iou(&self) -> Option<f64> {
        mean(LABELLED_CLASSES.filter_map(|c| self.overlap.iou(c)))
    }

    /// Mean Dice of the seven layers.
    #[must_use]
    pub fn mean_dice(&self) -> Option<f64> {
        mean(LABELLED_CLASSES.skip(1).filter_map(|c| self.overlap.dice(c)))
    }

    /// Mean over the boundaries of their mean absolute errors, in pixels.
    #[must_use]
    pub fn mean_absolute(&self) -> Option<f64> {
        mean(self.boundaries.iter().filter_map(BoundaryError::mean_absolute))
    }
}

/// Accuracy of each set, by name.
#[derive(Clone, Debug, Default)]
pub struct Score(pub BTreeMap<String, SetScore>);

impl Score {
    /// Adds one segmented scan to the score of its set.
    pub fn add(&mut self, sample: &Sample, surfaces: &Surfaces) {
        self.0.entry(sample.set.clone()).or_default().add(sample, surfaces, &truth(sample));
    }

    /// Mean over the sets of a figure of each; `None` when no set has it.
    #[must_use]
    pub fn over_sets(&self, figure: impl Fn(&SetScore) -> Option<f64>) -> Option<f64> {
        mean(self.0.values().filter_map(figure))
    }
}

/// The boundaries that a sample is compared with: as drawn, or else as its mask implies them.
#[must_use]
pub fn truth(sample: &Sample) -> BoundaryRows {
    sample.boundaries.clone().unwrap_or_else(|| boundaries_of_mask(&sample.mask, sample.bscan.width))
}

/// Mean of the values; `None` of none.
#[must_use]
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_u32, 0.0), |(n, sum), v| (n + 1, sum + v));
    (n > 0).then(|| sum / f64::from(n))
}
