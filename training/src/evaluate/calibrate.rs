//! The softmax temperature at which the model's own intervals hold what they promise.

use octrls::{
    network::{ModelError, Network},
    surface::{ExtractOptions, extract},
};
use serde::Serialize;

use crate::{
    data::Sample,
    score::{Score, SetScore},
};

/// Share of labels that a 95 % interval should hold.
const PROMISED: f64 = 0.95;

/// What one temperature gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationStep {
    /// The temperature.
    pub temperature: f32,
    /// Share of labelled rows in the model's 95 % interval, averaged over the sets.
    pub coverage: f64,
    /// Mean absolute boundary error in pixels, averaged over the sets.
    pub mean_absolute_px: f64,
}

/// Coverage and accuracy on `samples` at each of `temperatures`. The network runs once a scan.
///
/// # Errors
/// [`ModelError`] when the network fails.
pub fn calibrate(
    network: &Network,
    samples: &[Sample],
    temperatures: &[f32],
) -> Result<Vec<CalibrationStep>, ModelError> {
    let mut scores = vec![Score::default(); temperatures.len()];
    for sample in samples {
        let (logits, placement) = network.run(&sample.bscan)?;
        for (score, &temperature) in scores.iter_mut().zip(temperatures) {
            let options = ExtractOptions { temperature, ..ExtractOptions::default() };
            score.add(sample, &extract(&logits, &placement, &options));
        }
    }
    let step = |(score, &temperature): (&Score, &f32)| CalibrationStep {
        temperature,
        coverage: score.over_sets(|s| s.coverage.share()).unwrap_or(0.0),
        mean_absolute_px: score.over_sets(SetScore::mean_absolute).unwrap_or(f64::INFINITY),
    };
    Ok(scores.iter().zip(temperatures).map(step).collect())
}

/// The step whose intervals come nearest to holding 95 %; the lower temperature of two equal ones.
#[must_use]
pub fn best_temperature(steps: &[CalibrationStep]) -> Option<CalibrationStep> {
    let gap = |s: &CalibrationStep| (s.coverage - PROMISED).abs();
    steps.iter().copied().reduce(|best, s| if gap(&s) < gap(&best) { s } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_that_keeps_its_promise_wins() {
        let step = |temperature, coverage| CalibrationStep { temperature, coverage, mean_absolute_px: 1.0 };
        let steps = [step(1.0, 0.6), step(2.0, 0.94), step(3.0, 0.96), step(4.0, 0.99)];
        assert_eq!(best_temperature(&steps).map(|s| s.temperature), Some(2.0));
        assert_eq!(best_temperature(&[]), None);
    }
}
