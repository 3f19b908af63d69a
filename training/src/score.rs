//! Segmentation accuracy, summed over the B-scans of each data set.

use std::collections::BTreeMap;

use octrls_core::{
    layer::{BOUNDARIES, Boundary, Layer},
    lesion::{LESIONS, Lesion},
    measure::accuracy::{BoundaryError, IGNORE, Overlap, boundaries_of_mask},
    surface::Surfaces,
};

use crate::data::{BELOW_RPE, BoundaryRows, ChoroidLabel, Sample};

/// Half width of the 95 % interval of a normal distribution, in standard deviations.
pub const INTERVAL_95: f32 = 1.96;

/// Classes labelled in every set: background and the seven layers above the choroid.
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
    /// How often the labelled row is within the network's own interval.
    pub coverage: Ratio,
    /// Agreement of the lesion masks.
    pub lesions: LesionOverlap,
    /// Every A-scan that could be compared.
    ascans: Vec<AScan>,
    /// Axial spacing in micrometres, if it is the same in the whole set.
    pub axial_um: Option<f64>,
}

/// An A-scan: mean over its comparable boundaries.
#[derive(Clone, Copy, Debug)]
struct AScan {
    confidence: f32,
    /// Standard deviation of the error as estimated by the network, in pixels.
    deviation: f32,
    /// Absolute error in pixels.
    error: f32,
}

/// Measure of the certainty of an A-scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Largest confidence.
    Confidence,
    /// Smallest deviation.
    Deviation,
}

/// The share of cases in which something holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratio {
    hits: u64,
    total: u64,
}

impl Ratio {
    /// Adds cases.
    pub fn add(&mut self, cases: impl Iterator<Item = bool>) {
        for hit in cases {
            self.total += 1;
            self.hits += u64::from(hit);
        }
    }

    /// Number of cases.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The share; `None` without cases.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.total > 0).then(|| self.hits as f64 / self.total as f64)
    }
}

/// Pixels of each lesion: found and labelled, found, labelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct LesionOverlap([[u64; 3]; LESIONS]);

impl LesionOverlap {
    /// Adds a lesion mask; unlabelled pixels do not count.
    pub fn add(&mut self, found: &[u8], labelled: &[u8]) {
        for (&found, &labelled) in found.iter().zip(labelled).filter(|(_, labelled)| **labelled != IGNORE) {
            for (class, [both, f, l]) in (1_u8..).zip(&mut self.0) {
                *both += u64::from(found == class && labelled == class);
                *f += u64::from(found == class);
                *l += u64::from(labelled == class);
            }
        }
    }

    /// Dice of each lesion that occurs in the labels, by its name.
    #[must_use]
    pub fn dice(&self) -> BTreeMap<String, f64> {
        let occurring = Lesion::ALL.into_iter().zip(self.0).filter(|(_, [_, _, labelled])| *labelled > 0);
        occurring
            .map(|(lesion, [both, found, labelled])| {
                (lesion.key().to_owned(), 2.0 * both as f64 / (found + labelled) as f64)
            })
            .collect()
    }
}

/// Whether each labelled row lies within 1.96 standard deviations of the segmented one.
fn within_interval<'a>(
    rows: &'a [Option<f32>],
    deviations: &'a [f32],
    truth: &'a [Option<f32>],
) -> impl Iterator<Item = bool> + 'a {
    let both = rows.iter().zip(deviations).zip(truth);
    both.filter_map(|((row, deviation), truth)| {
        Some((row.as_ref()? - truth.as_ref()?).abs() <= INTERVAL_95 * deviation)
    })
}

impl SetScore {
    /// Adds one segmented scan: masks are compared with `sample`, boundaries with `truth`.
    pub fn add(&mut self, sample: &Sample, surfaces: &Surfaces, truth: &BoundaryRows) {
        let mut mask = surfaces.mask();
        if sample.choroid != ChoroidLabel::InMask {
            // An unlabelled choroid is part of the background.
            mask.iter_mut().filter(|c| **c == Layer::Choroid.class()).for_each(|c| *c = 0);
        }
        let labels: Vec<u8> = sample.mask.iter().map(|&c| if c == BELOW_RPE { IGNORE } else { c }).collect();
        self.overlap.add(&mask, &labels);
        self.axial_um = sample.axial_um.filter(|um| self.bscans == 0 || self.axial_um == Some(*um));
        self.bscans += 1;
        for ((error, boundary), truth) in self.boundaries.iter_mut().zip(Boundary::ALL).zip(truth) {
            error.add(surfaces.rows(boundary), truth);
            self.coverage.add(within_interval(surfaces.rows(boundary), surfaces.deviations(boundary), truth));
        }
        for (x, &confidence) in surfaces.confidence().iter().enumerate() {
            let errors = Boundary::ALL.into_iter().zip(truth).filter_map(|(boundary, truth)| {
                let error = (surfaces.rows(boundary)[x]? - truth[x]?).abs();
                Some((f64::from(error), f64::from(surfaces.deviations(boundary)[x])))
            });
            let (error, deviation) = (mean(errors.clone().map(|e| e.0)), mean(errors.map(|e| e.1)));
            let both = error.zip(deviation);
            self.ascans.extend(both.map(|(e, d)| AScan { confidence, deviation: d as f32, error: e as f32 }));
        }
    }

    /// Mean absolute boundary error in pixels over the share `kept` of the A-scans that are the most
    /// certain.
    #[must_use]
    pub fn risk(&self, kept: f64, by: Certainty) -> Option<f64> {
        let mut ascans = self.ascans.clone();
        match by {
            Certainty::Confidence => ascans.sort_by(|a, b| b.confidence.total_cmp(&a.confidence)),
            Certainty::Deviation => ascans.sort_by(|a, b| a.deviation.total_cmp(&b.deviation)),
        }
        ascans.truncate((kept * ascans.len() as f64).ceil() as usize);
        mean(ascans.into_iter().map(|a| f64::from(a.error)))
    }

    /// Mean IoU of background and the seven layers.
    #[must_use]
    pub fn mean_iou(&self) -> Option<f64> {
        mean_iou(&self.overlap)
    }

    /// Mean Dice of the seven layers.
    #[must_use]
    pub fn mean_dice(&self) -> Option<f64> {
        mean_dice(&self.overlap)
    }

    /// Mean absolute error of the choroid-sclera boundary in pixels.
    #[must_use]
    pub fn choroid(&self) -> Option<f64> {
        self.boundaries[Boundary::Csb.index()].mean_absolute()
    }

    /// Mean absolute error in pixels, averaged over the boundaries.
    #[must_use]
    pub fn mean_absolute(&self) -> Option<f64> {
        mean(self.boundaries.iter().filter_map(BoundaryError::mean_absolute))
    }
}

/// Mean IoU of background and the seven layers.
#[must_use]
pub fn mean_iou(overlap: &Overlap) -> Option<f64> {
    mean(LABELLED_CLASSES.filter_map(|c| overlap.iou(c)))
}

/// Mean Dice of the seven layers.
#[must_use]
pub fn mean_dice(overlap: &Overlap) -> Option<f64> {
    mean(LABELLED_CLASSES.skip(1).filter_map(|c| overlap.dice(c)))
}

/// Accuracy of each set, by name.
#[derive(Clone, Debug, Default)]
pub struct Score(pub BTreeMap<String, SetScore>);

impl Score {
    /// Adds one segmented scan to the score of its set.
    pub fn add(&mut self, sample: &Sample, surfaces: &Surfaces) {
        self.0.entry(sample.set.clone()).or_default().add(sample, surfaces, &ground_truth(sample));
    }

    /// Mean of `figure` over the sets; `None` if no set has it.
    #[must_use]
    pub fn over_sets(&self, figure: impl Fn(&SetScore) -> Option<f64>) -> Option<f64> {
        mean(self.0.values().filter_map(figure))
    }
}

/// The boundaries to compare a sample with: as drawn, else from its mask. A traced choroid-sclera boundary comes from
/// its trace.
#[must_use]
pub fn ground_truth(sample: &Sample) -> BoundaryRows {
    let drawn = sample.boundaries.clone();
    let mut rows = drawn.unwrap_or_else(|| boundaries_of_mask(&sample.mask, sample.bscan.width));
    if let ChoroidLabel::Traced { rows: choroid, .. } = &sample.choroid {
        rows[Boundary::Csb.index()].clone_from(choroid);
    }
    rows
}

/// Mean of the values; `None` without values.
#[must_use]
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_u32, 0.0), |(n, sum), v| (n + 1, sum + v));
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;

    use super::*;

    /// Two A-scans with layers of one row each, starting at row 2.
    fn surfaces(shift: f32) -> Surfaces {
        let row = |k: usize| vec![Some(2.0 + k as f32 + shift); 2];
        Surfaces::exact(16, std::array::from_fn(row))
    }

    fn sample(mask: Vec<u8>) -> Sample {
        let bscan = BScan { width: 2, height: 16, intensity: vec![0.0; 32] };
        Sample { set: "set".to_owned(), axial_um: Some(4.0), ..Sample::new(bscan, mask) }
    }

    fn without_choroid() -> Vec<u8> {
        surfaces(0.0).mask().into_iter().map(|c| if c == Layer::Choroid.class() { 0 } else { c }).collect()
    }

    #[test]
    fn perfect_segmentation_scores_1_despite_unlabelled_choroid() {
        let mut score = Score::default();
        score.add(&sample(without_choroid()), &surfaces(0.0));
        assert_eq!(score.over_sets(SetScore::mean_dice), Some(1.0));
        assert_eq!(score.over_sets(SetScore::mean_iou), Some(1.0));
        assert_eq!(score.over_sets(SetScore::mean_absolute), Some(0.0));
        assert_eq!(score.0["set"].coverage.value(), Some(1.0));
    }

    #[test]
    fn shifted_segmentation_has_its_shift_as_error() {
        let mut set = SetScore::default();
        let sample = sample(without_choroid());
        set.add(&sample, &surfaces(1.0), &ground_truth(&sample));
        assert_eq!(set.mean_absolute(), Some(1.0));
        assert_eq!(set.boundaries[0].bias(), Some(1.0));
        assert_eq!(set.coverage.value(), Some(0.0));
        assert_eq!(set.axial_um, Some(4.0));
    }

    #[test]
    fn dice_of_lesions_ignores_unlabelled_pixels() {
        let mut overlap = LesionOverlap::default();
        overlap.add(&[1, 1, 0, 2, 3], &[1, 0, 1, IGNORE, IGNORE]);
        assert_eq!(overlap.dice(), BTreeMap::from([("irf".to_owned(), 0.5)]));
    }

    #[test]
    fn risk_keeps_the_most_certain_ascans() {
        let ascan = |confidence, deviation, error| AScan { confidence, deviation, error };
        let ascans = vec![ascan(0.9, 0.5, 1.0), ascan(0.5, 0.1, 2.0), ascan(0.7, 0.9, 6.0)];
        let set = SetScore { ascans, ..SetScore::default() };
        let risk = |kept, surest| set.risk(kept, surest).expect("A-scans");
        assert!((risk(1.0, Certainty::Confidence) - 3.0).abs() < 1e-6);
        assert!((risk(0.3, Certainty::Confidence) - 1.0).abs() < 1e-6);
        assert!((risk(0.3, Certainty::Deviation) - 2.0).abs() < 1e-6);
        assert!((risk(0.6, Certainty::Deviation) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn pixels_of_an_unlabelled_choroid_do_not_count() {
        let mut set = SetScore::default();
        let mask = without_choroid().into_iter().map(|c| if c == 0 { BELOW_RPE } else { c }).collect();
        set.add(&sample(mask), &surfaces(0.0), &std::array::from_fn(|_| vec![None; 2]));
        assert_eq!(set.overlap.pixel_accuracy(), Some(1.0));
        assert_eq!(set.overlap.iou(0), None);
    }
}
