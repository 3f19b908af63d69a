//! Compares several models: accuracy on two parts of the data, under a few perturbations, and the separation of scans
//! from images without a retina.

use octrls_core::{
    measure::Quality,
    network::{ModelError, Network},
    scan::BScan,
    segment::find_surfaces,
};
use serde::Serialize;

use super::{
    evaluation::segment,
    robustness::{RobustnessReport, robustness_under},
};
use crate::{
    augment::PERTURBATIONS,
    data::{Part, Sample},
    score::{Score, SetScore, mean},
};

/// The perturbations to compare under: one of each kind that a step of the recipe should help with.
const COMPARED: [&str; 5] =
    ["lateral spacing x 2", "gamma 2", "speckle, deviation 0.4", "shadows of 90 % of the light", "white wedge, 25 %"];

/// Accuracy on one set.
#[derive(Clone, Debug, Serialize)]
pub struct SetAccuracy {
    /// The set.
    pub set: String,
    /// Mean Dice of the seven layers.
    pub dice: Option<f64>,
    /// Mean absolute boundary error in pixels.
    pub boundary_px: Option<f64>,
}

/// Results of one model.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Name of the model in the comparison.
    pub name: String,
    /// Accuracy on each set of each part.
    pub parts: Vec<(Part, Vec<SetAccuracy>)>,
    /// Accuracy under each perturbation.
    #[serde(rename = "disturbed")]
    pub perturbed: Vec<RobustnessReport>,
    /// How often a scan has a higher confidence than an upside-down or rotated scan (area under the curve). With 1, a
    /// threshold separates them.
    #[serde(rename = "told_apart")]
    pub separation: Option<f64>,
}

impl Comparison {
    /// Measures `network` on the samples of each of `parts`. Perturbations and rotations use the last part only.
    ///
    /// # Errors
    /// [`ModelError`] if the network fails.
    pub fn new(name: &str, network: &Network, parts: &[(Part, Vec<Sample>)]) -> Result<Self, ModelError> {
        let of_part = |(part, samples): &(Part, Vec<Sample>)| Ok((*part, accuracy(network, samples)?));
        let last = parts.last().map_or(&[][..], |(_, samples)| samples);
        let perturbed = PERTURBATIONS.iter().filter(|(name, _)| COMPARED.contains(name));
        Ok(Self {
            name: name.to_owned(),
            parts: parts.iter().map(of_part).collect::<Result<_, ModelError>>()?,
            perturbed: perturbed
                .map(|(name, d)| robustness_under(network, last, name, *d))
                .collect::<Result<_, _>>()?,
            separation: separation(network, last)?,
        })
    }

    /// Mean of `figure` over the sets of `part`.
    #[must_use]
    pub fn over_sets(&self, part: Part, figure: impl Fn(&SetAccuracy) -> Option<f64>) -> Option<f64> {
        mean(self.parts.iter().filter(|(p, _)| *p == part).flat_map(|(_, sets)| sets).filter_map(figure))
    }
}

fn accuracy(network: &Network, samples: &[Sample]) -> Result<Vec<SetAccuracy>, ModelError> {
    let mut score = Score::default();
    for sample in samples {
        score.add(sample, &segment(network, sample)?.surfaces);
    }
    let figures = |(set, score): (String, SetScore)| SetAccuracy {
        set,
        dice: score.mean_dice(),
        boundary_px: score.mean_absolute(),
    };
    Ok(score.0.into_iter().map(figures).collect())
}

fn separation(network: &Network, samples: &[Sample]) -> Result<Option<f64>, ModelError> {
    let (mut upright, mut turned) = (Vec::new(), Vec::new());
    for sample in samples {
        let quality = |bscan: &BScan| Ok::<_, ModelError>(find_surfaces(network, bscan, None, sample.ez)?.quality);
        upright.push(overall_confidence(quality(&sample.bscan)?));
        turned.push(overall_confidence(quality(&upside_down(&sample.bscan))?));
        turned.push(overall_confidence(quality(&turned_by_90_degrees(&sample.bscan))?));
    }
    Ok(area_under_curve(&upright, &turned))
}

/// Confidence over the whole scan; 0 where nothing is found.
fn overall_confidence(quality: Quality) -> f32 {
    quality.confidence * quality.found
}

/// How often one of `scans` exceeds one of `others`; ties count half.
fn area_under_curve(scans: &[f32], others: &[f32]) -> Option<f64> {
    let pairs = scans.iter().flat_map(|s| others.iter().map(move |o| s.total_cmp(o)));
    mean(pairs.map(|order| f64::from(order as i8).mul_add(0.5, 0.5)))
}

/// The scan upside down, vitreous at the bottom.
#[must_use]
pub fn upside_down(bscan: &BScan) -> BScan {
    let intensity = bscan.intensity.chunks_exact(bscan.width).rev().flatten().copied().collect();
    BScan { intensity, ..bscan.clone() }
}

/// The scan rotated by a quarter turn.
#[must_use]
pub fn turned_by_90_degrees(bscan: &BScan) -> BScan {
    let (width, height) = (bscan.height, bscan.width);
    let at = |i: usize| bscan.intensity[i % width * height + i / width];
    BScan { width, height, intensity: (0..width * height).map(at).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_above_all_others_separate_fully() {
        assert_eq!(area_under_curve(&[0.8, 0.9], &[0.1, 0.2]), Some(1.0));
        assert_eq!(area_under_curve(&[0.8, 0.2], &[0.5]), Some(0.5));
        assert_eq!(area_under_curve(&[0.5], &[0.5]), Some(0.5));
        assert_eq!(area_under_curve(&[], &[0.5]), None);
    }

    #[test]
    fn rotation_keeps_all_pixels() {
        let bscan = BScan { width: 3, height: 2, intensity: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        assert_eq!(upside_down(&bscan).intensity, [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
        let side = turned_by_90_degrees(&bscan);
        assert_eq!((side.width, side.height), (2, 3));
        assert_eq!(side.intensity, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn compared_perturbations_exist() {
        assert!(COMPARED.iter().all(|name| PERTURBATIONS.iter().any(|(n, _)| n == name)));
    }
}
