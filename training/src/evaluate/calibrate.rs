//! Fits the calibration, so that the model's intervals have the target coverage.

use std::collections::BTreeSet;

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    network::{Calibration, Interval, ModelError, Network},
    surface::{ExtractOptions, Surfaces, extract},
};
use serde::Serialize;

use crate::{
    data::{ChoroidLabel, PHANTOMS, Sample},
    score::{INTERVAL_95, Score, SetScore, ground_truth, mean},
};

/// Share of labels that a 95 % interval should contain.
const TARGET_COVERAGE: f64 = 0.95;
/// Groups of A-scans, from certain to uncertain; each should have the target coverage.
const GROUPS: usize = 4;
/// Scales and floors to try: smallest value and count; `FACTOR` is the ratio between neighbours.
const SCALES: (f32, usize) = (0.5, 24);
const FLOORS: (f32, usize) = (0.1, 28);
const FACTOR: f32 = 1.15;
/// Fewest labelled A-scans for fitting an interval.
const MIN_ASCANS: usize = 500;
/// Sets of which one may disagree about the direction of a common offset.
const MANY_SETS: usize = 4;

/// Accuracy of one way of extracting boundaries, with uncalibrated intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TrialAccuracy {
    /// Softmax temperature.
    pub temperature: f32,
    /// Window for smoothing over neighbouring A-scans, in columns.
    pub smoothing: f32,
    /// Share of labelled rows in the model's 95 % interval, averaged over the sets.
    pub coverage: f64,
    /// Mean absolute boundary error in pixels, averaged over the sets.
    pub mean_absolute_px: f64,
}

/// One way of extracting boundaries, with its results for each sample.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Accuracy.
    pub accuracy: TrialAccuracy,
    extracted: Vec<Extracted>,
}

/// The boundaries of a scan, and scan rows per row of the network's grid.
#[derive(Clone, Debug)]
struct Extracted {
    surfaces: Surfaces,
    grid: f32,
}

/// Error of one boundary in one A-scan and the deviation estimated by the model, both in rows of the network's grid.
#[derive(Clone, Copy, Debug)]
struct RowError {
    deviation: f32,
    /// Positive if the model lies deeper.
    signed: f32,
    /// Absolute error, without the offset that all sets share.
    error: f32,
    /// Factor for deviations from the doubt about the scan.
    doubt: f32,
    /// Weight, so that every set counts the same.
    weight: f64,
    /// Index of the set.
    set: usize,
}

/// A fitted calibration with its validation.
#[derive(Clone, Debug)]
pub struct FittedCalibration {
    /// The calibration.
    pub calibration: Calibration,
    /// For each set, the share of labels within intervals fitted to the other sets: the expected coverage for an unseen
    /// set.
    pub held_out_coverage: Vec<(String, f64)>,
}

/// Accuracy on `samples` at each combination of `temperatures` and `smoothings`. The network runs once per scan.
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn try_extractions(
    network: &Network,
    samples: &[Sample],
    temperatures: &[f32],
    smoothings: &[f32],
) -> Result<Vec<Trial>, ModelError> {
    let variants: Vec<ExtractOptions> = temperatures
        .iter()
        .flat_map(|&t| smoothings.iter().map(move |&smoothing| ExtractOptions { smoothing, ..with_temperature(t) }))
        .collect();
    let mut results: Vec<(Score, Vec<Extracted>)> = vec![(Score::default(), Vec::new()); variants.len()];
    for sample in samples {
        let (logits, placement) = network.run(&sample.bscan)?;
        let ez_bias = ExtractOptions::for_model(network.metadata(), sample.ez).ez_bias;
        for ((score, extracted), &variant) in results.iter_mut().zip(&variants) {
            let surfaces = extract(&logits, &placement, &ExtractOptions { ez_bias, ..variant });
            score.add(sample, &surfaces);
            extracted.push(Extracted { surfaces, grid: placement.scan_rows_per_grid_row() });
        }
    }
    let trial = |((score, extracted), variant): ((Score, Vec<Extracted>), &ExtractOptions)| Trial {
        accuracy: TrialAccuracy {
            temperature: variant.calibration.temperature,
            smoothing: variant.smoothing,
            coverage: score.over_sets(|s| s.coverage.value()).unwrap_or(0.0),
            mean_absolute_px: score.over_sets(SetScore::mean_absolute).unwrap_or(f64::INFINITY),
        },
        extracted,
    };
    Ok(results.into_iter().zip(&variants).map(trial).collect())
}

/// The trial with the smallest boundary error; the first of equal ones.
#[must_use]
pub fn best_trial<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Option<&'a Trial> {
    let error = |t: &Trial| t.accuracy.mean_absolute_px;
    trials.into_iter().reduce(|best, t| if error(t) < error(best) { t } else { best })
}

/// Fits the intervals of every boundary, and the visibility limit of the choroid, to the errors of `trial` in
/// `samples`. A boundary with too few labels gets the widest interval of the others. The usual doubt is the median over
/// the scans.
#[must_use]
pub fn fit_calibration(samples: &[Sample], trial: &Trial) -> FittedCalibration {
    let mut errors: [Vec<RowError>; BOUNDARIES] = std::array::from_fn(|_| Vec::new());
    let with_doubt = Calibration { usual_doubt: usual_doubt(samples, trial), ..Calibration::default() };
    let sets: BTreeSet<&str> = samples.iter().map(|s| s.set.as_str()).collect();
    let scans = |set: &str| samples.iter().filter(|s| s.set == set).count().max(1) as f64;
    for (sample, Extracted { surfaces, grid }) in samples.iter().zip(&trial.extracted) {
        let (truth, weight) = (ground_truth(sample), scans(&sample.set).recip());
        let set = sets.iter().position(|s| *s == sample.set).unwrap_or(0);
        let doubt = with_doubt.doubt(surfaces.confidence_where_found());
        for boundary in Boundary::ALL {
            let found = surfaces.rows(boundary).iter().zip(surfaces.deviations(boundary));
            let matched = found.zip(&truth[boundary.index()]).filter_map(|((row, deviation), truth)| {
                let signed = (row.as_ref()? - truth.as_ref()?) / grid;
                Some(RowError { deviation: deviation / grid, signed, error: signed.abs(), doubt, weight, set })
            });
            errors[boundary.index()].extend(matched);
        }
    }
    let offsets = std::array::from_fn(|k| {
        let mut sums = vec![(0.0, 0_u32); sets.len()];
        for error in &errors[k] {
            sums[error.set].0 += f64::from(error.signed);
            sums[error.set].1 += 1;
        }
        // The lines of phantoms are made to follow graders, not drawn by one.
        let drawn = sets.iter().zip(sums).filter(|(set, (_, n))| **set != PHANTOMS && *n > 0);
        common_offset(drawn.map(|(_, (sum, n))| (sum / f64::from(n)) as f32))
    });
    for (errors, offset) in errors.iter_mut().zip(&offsets) {
        for error in errors.iter_mut() {
            error.error = (error.signed + offset).abs();
        }
    }
    let coverage_of = |(i, set): (usize, &&str)| Some(((*set).to_owned(), HeldOutSet::new(&errors, i).coverage()?));
    let held_out_coverage = sets.iter().enumerate().filter_map(coverage_of).collect();
    let fitted = errors.map(|errors| (errors.len() >= MIN_ASCANS).then(|| fit(errors)));
    let widest = |of: fn(&Interval) -> f32, least| fitted.iter().flatten().map(of).fold(least, f32::max);
    let other = Interval { scale: widest(|i| i.scale, 1.0), floor: widest(|i| i.floor, 0.0) };
    let calibration = Calibration {
        temperature: trial.accuracy.temperature,
        intervals: fitted.map(|i| i.unwrap_or(other)),
        offsets,
        choroid_limit: fit_choroid_limit(samples, trial),
        ..with_doubt
    };
    FittedCalibration { calibration, held_out_coverage }
}

/// The offset that takes out what the mean errors of the sets have in common. If all point in one direction, it is the
/// smallest of them; among [`MANY_SETS`] or more, one may point in the other direction, and it is their median. Else
/// nothing.
fn common_offset(mean_errors: impl Iterator<Item = f32>) -> f32 {
    let mut errors: Vec<f32> = mean_errors.collect();
    errors.sort_by(f32::total_cmp);
    let above = errors.iter().filter(|e| **e > 0.0).count();
    let against = above.min(errors.len() - above);
    let n = errors.len();
    match against {
        0 if n > 1 => -if above > 0 { errors[0] } else { errors[n - 1] },
        1 if n >= MANY_SETS => -f32::midpoint(errors[(n - 1) / 2], errors[n / 2]),
        _ => 0.0,
    }
}

/// The median doubt about a scan.
fn usual_doubt(samples: &[Sample], trial: &Trial) -> Option<f32> {
    let found = samples.iter().zip(&trial.extracted).map(|(_, e)| e.surfaces.confidence_where_found());
    let mut doubts: Vec<f32> = found.filter(|&c| c > 0.0).map(|c| 1.0 - c).collect();
    doubts.sort_by(f32::total_cmp);
    doubts.get(doubts.len() / 2).copied()
}

/// The errors in one set, with the intervals fitted to the other sets.
struct HeldOutSet(Vec<(Interval, Vec<RowError>)>);

impl HeldOutSet {
    fn new(errors: &[Vec<RowError>; BOUNDARIES], set: usize) -> Self {
        let parts = errors.iter().map(|all| all.iter().copied().partition::<Vec<RowError>, _>(|e| e.set == set));
        let enough = parts.filter(|(held, rest)| !held.is_empty() && rest.len() >= MIN_ASCANS);
        let widened =
            |held: Vec<RowError>| held.into_iter().map(|m| RowError { error: m.error / m.doubt, ..m }).collect();
        Self(enough.map(|(held, rest)| (fit(rest), widened(held))).collect())
    }

    /// Share of the errors within the intervals, which are widened by doubt; mean over the boundaries. `None` without
    /// other sets.
    fn coverage(&self) -> Option<f64> {
        mean(self.0.iter().map(|(interval, held)| coverage(held, *interval)))
    }
}

/// The limit that best separates choroid-sclera boundaries that a reader saw from those that a reader carried on from
/// where they can be seen: it maximises the sum of the two shares (Youden, Cancer 1950). The widest limit wins a tie. Without samples of both
/// kinds, the limit of an uncalibrated model.
fn fit_choroid_limit(samples: &[Sample], trial: &Trial) -> f32 {
    let (mut seen, mut inferred) = (Vec::new(), Vec::new());
    for (sample, Extracted { surfaces, grid }) in samples.iter().zip(&trial.extracted) {
        let rows = surfaces.rows(Boundary::Csb).iter().zip(surfaces.deviations(Boundary::Csb));
        let deviation = rows.map(|(row, deviation)| row.map_or(f32::INFINITY, |_| deviation / grid));
        if let ChoroidLabel::Traced { rows, visible } = &sample.choroid {
            for ((deviation, _), visible) in deviation.zip(rows).zip(visible).filter(|((_, row), _)| row.is_some()) {
                if *visible { seen.push(deviation) } else { inferred.push(deviation) }
            }
        }
    }
    let widest = Calibration::default().choroid_limit;
    if seen.is_empty() || inferred.is_empty() {
        return widest;
    }
    let within = |list: &[f32], limit: f32| list.iter().filter(|&&d| d <= limit).count() as f64 / list.len() as f64;
    let gain = |limit: f32| within(&seen, limit) - within(&inferred, limit);
    let limits = (0..40).map(|i| widest * (1.0 - i as f32 / 40.0));
    limits
        .map(|limit| (gain(limit), limit))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map_or(widest, |b| b.1)
}

fn with_temperature(temperature: f32) -> ExtractOptions {
    let calibration = Calibration { temperature, ..Calibration::default() };
    ExtractOptions { calibration, ..ExtractOptions::default() }
}

/// The interval whose coverage is closest to the target in all groups of A-scans.
fn fit(mut errors: Vec<RowError>) -> Interval {
    errors.sort_by(|a, b| a.deviation.total_cmp(&b.deviation));
    let groups: Vec<&[RowError]> = errors.chunks(errors.len().div_ceil(GROUPS)).collect();
    let gap =
        |interval: Interval| -> f64 { groups.iter().map(|g| (coverage(g, interval) - TARGET_COVERAGE).powi(2)).sum() };
    let series = |(first, n): (f32, usize)| (0..n).map(move |i| first * FACTOR.powi(i as i32));
    let all = series(SCALES).flat_map(|scale| series(FLOORS).map(move |floor| Interval { scale, floor }));
    let scored = all.map(|interval| (gap(interval), interval));
    scored.reduce(|best, next| if next.0 < best.0 { next } else { best }).map_or(Interval::AS_IMPLIED, |b| b.1)
}

/// Share of the errors within the 95 % interval.
fn coverage(errors: &[RowError], interval: Interval) -> f64 {
    let inside = |e: &&RowError| e.error <= INTERVAL_95 * interval.widen(e.deviation);
    let weight = |list: &mut dyn Iterator<Item = &RowError>| list.map(|e| e.weight).sum::<f64>();
    weight(&mut errors.iter().filter(inside)) / weight(&mut errors.iter()).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_an_error_that_all_sets_share_becomes_an_offset() {
        let offset = |errors: &[f32]| super::common_offset(errors.iter().copied());
        let is = |errors: &[f32], expected: f32| (offset(errors) - expected).abs() < 1e-6;
        assert!(is(&[-0.5, -0.2, -1.0], 0.2));
        assert!(is(&[-0.5, 0.2], 0.0) && is(&[-0.5], 0.0) && is(&[], 0.0));
        assert!(is(&[0.1, -0.6, -0.2, -1.0], 0.4) && is(&[0.1, 0.2, -0.2, -1.0], 0.0));
    }

    use super::*;

    #[test]
    fn best_trial_has_the_smallest_error() {
        let trial = |temperature, mean_absolute_px| Trial {
            accuracy: TrialAccuracy { temperature, smoothing: 0.0, coverage: 0.5, mean_absolute_px },
            extracted: Vec::new(),
        };
        let trials = [trial(1.0, 1.2), trial(2.0, 1.1), trial(3.0, 1.1), trial(4.0, 1.4)];
        assert_eq!(best_trial(&trials).map(|t| t.accuracy.temperature), Some(2.0));
        assert!(best_trial(&[]).is_none());
    }

    /// Quantiles of the absolute value of a standard normal variable.
    fn half_normal(n: usize) -> impl Iterator<Item = f32> {
        (0..n).map(move |i| {
            let p = (i as f32 + 0.5) / n as f32;
            // Winitzki's approximation of the inverse error function.
            let l = (1.0 - p * p).ln();
            let a = 2.0 / (std::f32::consts::PI * 0.147) + l / 2.0;
            std::f32::consts::SQRT_2 * ((a * a - l / 0.147).sqrt() - a).sqrt()
        })
    }

    #[test]
    fn fit_recovers_the_interval_of_simulated_errors() {
        let simulated = Interval { scale: 2.0, floor: 0.6 };
        let deviations = [0.05_f32, 0.3, 1.0, 3.0];
        let errors = deviations.into_iter().flat_map(|deviation| {
            half_normal(400).map(move |z| RowError {
                signed: 0.0,
                deviation,
                error: z * simulated.widen(deviation),
                doubt: 1.0,
                weight: 1.0,
                set: 0,
            })
        });
        let found = fit(errors.collect());
        assert!(
            (found.scale / simulated.scale).ln().abs() < 0.2 && (found.floor / simulated.floor).ln().abs() < 0.2,
            "{found:?}"
        );
    }

    #[test]
    fn held_out_coverage_shows_whether_intervals_transfer() {
        // Ordered so that each group of equal deviations has small and large errors.
        let sizes: Vec<f32> = half_normal(600).collect();
        let mixed: Vec<f32> = (0..sizes.len()).map(|i| sizes[i * 7919 % sizes.len()]).collect();
        let errors = |simulated: f32, doubt: f32, set: usize| {
            let row_error =
                move |z: f32| RowError { deviation: 1.0, signed: 0.0, error: z * simulated, doubt, weight: 1.0, set };
            mixed.clone().into_iter().map(row_error)
        };
        let coverage = |spread: f32, doubt: f32| {
            let all: Vec<RowError> = errors(1.0, 1.0, 0).chain(errors(spread, doubt, 1)).collect();
            HeldOutSet::new(&std::array::from_fn(|_| all.clone()), 1).coverage().expect("a set to fit to")
        };
        assert!((coverage(1.0, 1.0) - 0.95).abs() < 0.03);
        assert!(coverage(2.0, 1.0) < 0.8);
        assert!((coverage(2.0, 2.0) - 0.95).abs() < 0.03, "doubt compensates");
        let single: Vec<RowError> = errors(1.0, 1.0, 0).collect();
        assert_eq!(HeldOutSet::new(&std::array::from_fn(|_| single.clone()), 0).coverage(), None);
    }

    #[test]
    fn sets_weigh_equally() {
        let error = |error, weight| RowError { deviation: 1.0, signed: 0.0, error, doubt: 1.0, weight, set: 0 };
        let errors = [error(0.5, 0.1), error(0.5, 0.1), error(9.0, 0.2)];
        assert!((coverage(&errors, Interval::AS_IMPLIED) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn choroid_limit_separates_traced_from_invisible() {
        let width = 4;
        let of = |deviation: f32, choroid: ChoroidLabel| {
            let bscan = octrls_core::scan::BScan { width, height: 64, intensity: vec![0.0; width * 64] };
            let sample = Sample { choroid, ..Sample::new(bscan, vec![0; width * 64]) };
            let rows = std::array::from_fn(|k| vec![Some(5.0 * (k + 1) as f32); width]);
            let surfaces = Surfaces::exact(64, rows).with_deviation(deviation);
            (sample, Extracted { surfaces, grid: 1.0 })
        };
        let traced = |seen: bool| ChoroidLabel::Traced { rows: vec![Some(44.0); width], visible: vec![seen; width] };
        let (samples, extracted): (Vec<Sample>, Vec<Extracted>) = [
            of(2.0, traced(true)),
            of(5.0, traced(true)),
            of(9.0, traced(false)),
            of(15.0, traced(false)),
            of(1.0, ChoroidLabel::Unlabelled),
        ]
        .into_iter()
        .unzip();
        let accuracy = TrialAccuracy { temperature: 1.0, smoothing: 0.0, coverage: 0.0, mean_absolute_px: 1.0 };
        let limit = fit_choroid_limit(&samples, &Trial { accuracy, extracted });
        assert!((5.0..9.0).contains(&limit), "{limit}");
        let no_samples = Trial { accuracy, extracted: Vec::new() };
        let limit = fit_choroid_limit(&[], &no_samples);
        assert!((limit - Calibration::default().choroid_limit).abs() < 1e-6);
    }
}
