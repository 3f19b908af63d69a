//! Robustness of a model against perturbations.

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    measure::{Verdict, accuracy::BoundaryError},
    network::{ModelError, Network},
};
use serde::Serialize;

use super::evaluation::segment;
use crate::{
    augment::{PERTURBATIONS, Perturbation},
    data::Sample,
    score::{ground_truth, mean},
};

/// Accuracy under one perturbation.
#[derive(Clone, Debug, Serialize)]
pub struct RobustnessReport {
    /// Description of the perturbation.
    #[serde(rename = "disturbance")]
    pub perturbation: &'static str,
    /// Mean absolute error of the eight retinal boundaries in pixels of the original scan, averaged over them.
    pub mean_absolute_px: Option<f64>,
    /// Share of the labelled rows that were not found.
    pub missed: f64,
    /// Share of scans with the verdict good.
    pub good: f64,
    /// Share of scans with the verdict not a retina.
    pub not_a_retina: f64,
}

/// Accuracy of `network` on `samples` under each of [`PERTURBATIONS`].
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn robustness(network: &Network, samples: &[Sample]) -> Result<Vec<RobustnessReport>, ModelError> {
    PERTURBATIONS.iter().map(|(name, perturbation)| robustness_under(network, samples, name, *perturbation)).collect()
}

/// Accuracy of `network` on `samples` under `perturbation`, described by `name`.
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn robustness_under(
    network: &Network,
    samples: &[Sample],
    name: &'static str,
    perturbation: Perturbation,
) -> Result<RobustnessReport, ModelError> {
    let mut errors = [BoundaryError::default(); BOUNDARIES];
    let mut verdicts = Vec::with_capacity(samples.len());
    for (seed, sample) in (1..).zip(samples) {
        let (bscan, truth) = perturbation.apply(&sample.bscan, &ground_truth(sample), seed);
        let axial_um = sample.axial_um.map(|um| um / f64::from(perturbation.rows_per_row()));
        let perturbed = Sample { bscan, axial_um, ..sample.clone() };
        let found = segment(network, &perturbed)?;
        for (boundary, error) in Boundary::ALL.into_iter().zip(&mut errors) {
            error.add(found.surfaces.rows(boundary), &truth[boundary.index()]);
        }
        verdicts.push(found.verdict());
    }
    let retinal = &errors[..=Boundary::RpeBm.index()];
    let scale = f64::from(perturbation.rows_per_row());
    let share = |v: Verdict| verdicts.iter().filter(|&&w| w == v).count() as f64 / verdicts.len().max(1) as f64;
    let (missed, compared) = retinal.iter().fold((0, 0), |(m, c), e| (m + e.missed, c + e.compared));
    Ok(RobustnessReport {
        perturbation: name,
        mean_absolute_px: mean(retinal.iter().filter_map(BoundaryError::mean_absolute)).map(|px| px / scale),
        missed: missed as f64 / (missed + compared).max(1) as f64,
        good: share(Verdict::Good),
        not_a_retina: share(Verdict::NotARetina),
    })
}
