//! Which rule tells scans with wrong lines from scans with right ones: real scans, as they are and perturbed.

use octrls_core::{
    layer::Boundary,
    measure::{Quality, Verdict},
    network::{ModelError, Network},
    segment::FoundSurfaces,
};

use super::{disease::is_wrong, evaluation::segment, table::Table};
use crate::{
    augment::PERTURBATIONS,
    data::{BoundaryRows, Sample},
    score::{Ratio, ground_truth},
};

/// Every n-th perturbation is used, and every n-th scan is perturbed.
const EVERY: usize = 3;

/// What rules look at in a segmented scan, and whether its lines are wrong.
#[derive(Clone, Debug)]
pub struct Judged {
    wrong: bool,
    /// The runtime's verdict.
    verdict: Verdict,
    quality: Quality,
    /// Largest standard deviation of a retinal boundary in each A-scan, in pixels.
    deviations: Vec<f32>,
    /// Confidence of each A-scan.
    confidences: Vec<f32>,
}

/// Segments `samples`, and every third of them under every third perturbation. Scans without labelled boundaries, and
/// images taken for no retina, are left out.
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn judge(network: &Network, samples: &[Sample]) -> Result<Vec<Judged>, ModelError> {
    let mut all = Vec::new();
    for (i, sample) in samples.iter().enumerate() {
        let truth = ground_truth(sample);
        let second = sample.second_grader.as_ref();
        all.extend(judged(&segment(network, sample)?, &truth, second, 1.0));
        if i % EVERY > 0 {
            continue;
        }
        for (_, perturbation) in PERTURBATIONS.iter().step_by(EVERY) {
            let (bscan, truth) = perturbation.apply(&sample.bscan, &truth, i as u64);
            let second = second.map(|second| perturbation.apply(&sample.bscan, second, i as u64).1);
            let scale = bscan.height as f32 / sample.bscan.height as f32;
            let found = segment(network, &Sample { bscan, axial_um: None, ..sample.clone() })?;
            all.extend(judged(&found, &truth, second.as_ref(), scale));
        }
    }
    Ok(all)
}

fn judged(found: &FoundSurfaces, truth: &BoundaryRows, second: Option<&BoundaryRows>, scale: f32) -> Option<Judged> {
    let FoundSurfaces { surfaces, quality, .. } = found;
    let wrong = is_wrong(truth, second, scale, surfaces)?;
    let retinal = || Boundary::ALL.into_iter().filter(|&b| b != Boundary::Csb);
    let deviation = |x: usize| {
        let known = retinal().filter(|&b| surfaces.rows(b)[x].is_some());
        known.map(|b| surfaces.deviations(b)[x]).fold(0.0, f32::max)
    };
    (quality.verdict() != Verdict::NotARetina).then(|| Judged {
        wrong,
        verdict: found.verdict(),
        quality: *quality,
        deviations: (0..surfaces.width()).map(deviation).collect(),
        confidences: surfaces.confidence().to_vec(),
    })
}

/// For each rule, the share of wrong scans and of right scans that it calls good.
#[must_use]
pub fn rules(judged: &[Judged]) -> Table {
    let head = ["rule", "wrong scans called good", "right scans called good", "wrong scans"];
    let mut table = Table::new("Rules for a verdict", 1, head);
    let mut line = |name: String, good: &dyn Fn(&Judged) -> bool| {
        let (mut of_wrong, mut of_right) = (Ratio::default(), Ratio::default());
        for scan in judged {
            let of = if scan.wrong { &mut of_wrong } else { &mut of_right };
            of.add(std::iter::once(good(scan)));
        }
        let share = |ratio: Ratio| ratio.value().map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
        table.push([name, share(of_wrong), share(of_right), of_wrong.total().to_string()]);
    };
    line("the runtime's".to_owned(), &|scan| scan.verdict == Verdict::Good);
    line("without holes and absent layers".to_owned(), &|scan| scan.quality.verdict() == Verdict::Good);
    let basic = |scan: &Judged| Quality { unsure: 0.0, ..scan.quality }.verdict() == Verdict::Good;
    line("without unsure A-scans".to_owned(), &basic);
    let share = |values: &[f32], counts: &dyn Fn(f32) -> bool| {
        values.iter().filter(|&&v| counts(v)).count() as f32 / values.len().max(1) as f32
    };
    for most in [0.02, 0.05, 0.1, 0.2] {
        for deviation in [4.0, 6.0, 8.0, 12.0] {
            line(format!("deviation over {deviation} px in at most {most}"), &|scan| {
                basic(scan) && share(&scan.deviations, &|d| d > deviation) <= most
            });
        }
        for confidence in [0.5, 0.6, 0.7] {
            line(format!("confidence below {confidence} in at most {most}"), &|scan| {
                basic(scan) && share(&scan.confidences, &|c| c < confidence) <= most
            });
        }
    }
    for least in [0.82, 0.84, 0.86, 0.88] {
        line(format!("mean confidence at least {least}"), &|scan| basic(scan) && scan.quality.confidence >= least);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_measured_on_wrong_and_right_scans() {
        let quality = Quality { found: 1.0, confidence: 0.9, jumps: 0.0, unsure: 0.0, upright: 1.0 };
        let scan = |wrong, deviation: f32| Judged {
            wrong,
            verdict: quality.verdict(),
            quality,
            deviations: vec![deviation; 10],
            confidences: vec![0.9; 10],
        };
        let text = rules(&[scan(true, 9.0), scan(true, 5.0), scan(false, 1.0)]).markdown();
        assert!(text.contains("| without unsure A-scans | 100.0 % | 100.0 % | 2 |"), "{text}");
        assert!(text.contains("| deviation over 6 px in at most 0.05 | 50.0 % | 100.0 % | 2 |"), "{text}");
    }
}
