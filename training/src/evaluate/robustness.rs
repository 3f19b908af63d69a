//! Robustness of a model against perturbations.

use octrls_core::{layer::{BOUNDARIES, Boundary}, measure::{accuracy::BoundaryError, Quality, Verdict}, network::{ModelError, Network}};
use serde::Serialize;

use octrls_core::segment;
use crate::{
    augment::{DISTURBANCES, Disturbance},
    data::Sample,
    score::{mean, truth},
};

/// Accuracy under one perturbation.
#[derive(Clone, Debug, Serialize)]
pub struct RobustnessReport {
    /// Description of the perturbation.
    pub disturbance: &'static str,
    /// Mean absolute error of the eight retinal boundaries in pixels of the original scan, averaged over them.
    pub mean_absolute_px: Option<f64>,
    /// Share of the labelled rows that were not found.
    pub missed: f64,
    /// Share of scans with the verdict good.
    pub good: f64,
    /// Share of scans with the verdict not a retina.
    pub not_a_retina: f64,
}

/// Accuracy of `network` on `samples` under each of [`DISTURBANCES`].
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn robustness(network: &Network, samples: &[Sample]) -> Result<Vec<RobustnessReport>, ModelError> {
    DISTURBANCES.iter().map(|(name, disturbance)| robustness_under(network, samples, name, *disturbance)).collect()
}

/// Accuracy of `network` on `samples` under `disturbance`, described by `name`.
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn robustness_under(
    network: &Network,
    samples: &[Sample],
    name: &'static str,
    disturbance: Disturbance,
) -> Result<RobustnessReport, ModelError> {
    let mut errors = [BoundaryError::default(); BOUNDARIES];
    let mut verdicts = Vec::with_capacity(samples.len());
    for (seed, sample) in (1..).zip(samples) {
        let (bscan, truth) = disturbance.apply(&sample.bscan, &truth(sample), seed);
        let disturbed = Sample { bscan, ..sample.clone() };
        let surfaces = segment(network, &disturbed)?;
        for (boundary, error) in Boundary::ALL.into_iter().zip(&mut errors) {
            error.add(surfaces.rows(boundary), &truth[boundary.index()]);
        }
        verdicts.push(Quality::of(&disturbed.bscan, &surfaces).verdict());
    }
    let retinal = &errors[..=Boundary::RpeBm.index()];
    let scale = f64::from(disturbance.rows_per_row());
    let share = |v: Verdict| verdicts.iter().filter(|&&w| w == v).count() as f64 / verdicts.len().max(1) as f64;
    let (missed, compared) = retinal.iter().fold((0, 0), |(m, c), e| (m + e.missed, c + e.compared));
    Ok(RobustnessReport {
        disturbance: name,
        mean_absolute_px: mean(retinal.iter().filter_map(BoundaryError::mean_absolute)).map(|px| px / scale),
        missed: missed as f64 / (missed + compared).max(1) as f64,
        good: share(Verdict::Good),
        not_a_retina: share(Verdict::NotARetina),
    })
}
