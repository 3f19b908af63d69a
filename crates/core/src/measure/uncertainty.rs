//! Uncertainty of mean thickness.
//!
//! The errors of neighbouring A-scans are alike, and all A-scans of an eye share an error, because every grader draws a
//! line a little higher or lower than others. So the uncertainty of a mean does not shrink with the number of A-scans:
//!
//! variance of a mean = common² + mean over all pairs of A-scans of `s_i s_j exp(-distance / correlation length)`
//!
//! `s` is the standard deviation of thickness in one A-scan, from those of its two boundaries. The constants are fitted
//! by the example `mean_uncertainty` on validation subjects, and checked by it on test subjects (`docs/result.md`).

use crate::{
    layer::{Boundary, Layer, Measured},
    scan::Place,
    surface::Surfaces,
};

/// Half of the 95 % interval of a normal distribution, in standard deviations.
const HALF_INTERVAL: f64 = 1.96;
/// Standard deviation of the error that all A-scans of an eye share, in micrometres.
pub const COMMON_UM: f64 = 1.5;
/// The same in rows, where the axial spacing is unknown; the eyes of the fit have rows of 3.87 um.
const COMMON_ROWS: f64 = COMMON_UM / 3.87;
/// Most A-scans whose pairs are added up.
const MAX_ASCANS: usize = 200;

/// The distance at which the correlation of errors has fallen to 1/e.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrelationLength {
    /// In A-scans, where the lateral spacing is unknown.
    pub ascans: f64,
    /// In millimetres.
    pub mm: f64,
}

impl CorrelationLength {
    /// That of `of`. The end of the choroid is one smooth line, so its errors reach further.
    #[must_use]
    pub fn of(of: Measured) -> Self {
        match of {
            Measured::Layer(Layer::Choroid) => Self { ascans: 150.0, mm: 1.7 },
            _ => Self { ascans: 40.0, mm: 0.45 },
        }
    }
}

/// Standard deviation of the error of thickness in each A-scan, in rows of the scan; `None` where there is no thickness.
pub fn thickness_deviations(surfaces: &Surfaces, of: Measured) -> impl Iterator<Item = Option<f32>> + '_ {
    let (upper, lower) = (surfaces.deviations(of.upper()), surfaces.deviations(of.lower()));
    let deviation = upper.iter().zip(lower).map(|(upper, lower)| upper.hypot(*lower));
    surfaces.thickness_px(of).zip(deviation).map(|(thickness, deviation)| thickness.map(|_| deviation))
}

/// The same of nerve fibres, ganglion cells and inner plexiform layer together.
pub fn gcc_deviations(surfaces: &Surfaces) -> impl Iterator<Item = Option<f32>> + '_ {
    let [fibres, cells] = [Layer::Nfl, Layer::GclIpl].map(|layer| surfaces.thickness_px(Measured::Layer(layer)));
    let [upper, lower] = [Boundary::Ilm, Boundary::IplInl].map(|boundary| surfaces.deviations(boundary));
    let deviation = upper.iter().zip(lower).map(|(upper, lower)| upper.hypot(*lower));
    fibres.zip(cells).zip(deviation).map(|((fibres, cells), deviation)| fibres.and(cells).map(|_| deviation))
}

/// The A-scans of an area with a known thickness, each with its place and standard deviation. All lengths, and so the
/// results, have one unit: millimetres and micrometres, or A-scans and rows.
#[derive(Clone, Debug, Default)]
pub struct MeanError {
    ascans: Vec<(Place, f32)>,
}

impl MeanError {
    /// Adds an A-scan at `place` with the standard deviation of its thickness.
    pub fn add(&mut self, place: Place, deviation: f32) {
        self.ascans.push((place, deviation));
    }

    /// Half of the 95 % interval of the mean thickness of `of` in micrometres; `None` without an A-scan.
    #[must_use]
    pub fn half_width_um(&self, of: Measured) -> Option<f32> {
        self.half_width(CorrelationLength::of(of).mm, COMMON_UM)
    }

    fn half_width(&self, length: f64, common: f64) -> Option<f32> {
        let step = (self.ascans.len() as f64 / MAX_ASCANS as f64).max(1.0);
        let count = self.ascans.len().min(MAX_ASCANS);
        let chosen: Vec<(Place, f64)> = (0..count)
            .map(|i| self.ascans[((i as f64 + 0.5) * step) as usize])
            .map(|(place, deviation)| (place, f64::from(deviation)))
            .collect();
        let mut sum = 0.0;
        for (i, (place, deviation)) in chosen.iter().enumerate() {
            let pairs = chosen[..i].iter().map(|(other, s)| s * (-place.distance(*other) / length).exp());
            sum += deviation * (deviation + 2.0 * pairs.sum::<f64>());
        }
        let variance = sum / (count * count) as f64;
        (count > 0).then(|| (HALF_INTERVAL * (common.powi(2) + variance).sqrt()) as f32)
    }
}

/// Half of the 95 % interval of the mean thickness of `of` in one B-scan, in micrometres if `axial_um` is known, else in
/// rows. `lateral_um` is the distance of its A-scans. `None` if no A-scan has a thickness.
#[must_use]
pub fn half_width_in_bscan(
    surfaces: &Surfaces,
    of: Measured,
    axial_um: Option<f64>,
    lateral_um: Option<f64>,
) -> Option<f32> {
    let length = CorrelationLength::of(of);
    let length = lateral_um.map_or(length.ascans, |um| 1000.0 * length.mm / um);
    let scale = axial_um.unwrap_or(1.0) as f32;
    let mut error = MeanError::default();
    for (ascan, deviation) in thickness_deviations(surfaces, of).enumerate() {
        if let Some(deviation) = deviation {
            error.add(Place { x: ascan as f64, y: 0.0 }, deviation * scale);
        }
    }
    error.half_width(length, if axial_um.is_some() { COMMON_UM } else { COMMON_ROWS })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETINA: Measured = Measured::Retina;

    fn line(count: usize, mm: f64, deviation: f32) -> MeanError {
        let mut error = MeanError::default();
        for i in 0..count {
            error.add(Place { x: mm * i as f64 / count as f64, y: 0.0 }, deviation);
        }
        error
    }

    #[test]
    fn one_ascan_has_its_own_deviation_and_the_common_one() {
        let found = line(1, 1.0, 2.0).half_width_um(RETINA).expect("an A-scan");
        assert!((f64::from(found) - 1.96 * 2.5).abs() < 1e-3, "{found}");
        assert_eq!(MeanError::default().half_width_um(RETINA), None);
    }

    #[test]
    fn a_line_has_the_variance_of_exponential_correlation() {
        // The mean of exp(-d / a) over pairs on a line of length w is 2 a / w (1 - a / w (1 - exp(-w / a))).
        let (w, a) = (6.0, CorrelationLength::of(RETINA).mm);
        let pairs = 2.0 * a / w * (1.0 - a / w * (1.0 - (-w / a).exp()));
        let expected = 1.96 * (COMMON_UM.powi(2) + 64.0 * pairs).sqrt();
        let found = f64::from(line(5000, w, 8.0).half_width_um(RETINA).expect("a line"));
        assert!((found / expected - 1.0).abs() < 0.01, "{found} for {expected}");
    }

    #[test]
    fn more_ascans_on_the_same_line_add_nothing_but_a_longer_line_does() {
        let of = |count, mm| line(count, mm, 8.0).half_width_um(RETINA).expect("a line");
        assert!((of(500, 6.0) / of(2000, 6.0) - 1.0).abs() < 0.01);
        assert!(of(500, 6.0) < 0.6 * of(500, 0.5));
        assert!(f64::from(of(100_000, 1000.0)) > 1.96 * COMMON_UM, "what all share remains");
    }

    #[test]
    fn a_bscan_without_spacings_is_in_rows_and_counts_ascans() {
        let exact = Surfaces::exact(100, std::array::from_fn(|k| vec![Some(5.0 * k as f32); 512]));
        let rows = half_width_in_bscan(&exact, RETINA, None, None).expect("a retina");
        let um = half_width_in_bscan(&exact, RETINA, Some(3.87), Some(11.3)).expect("a retina");
        assert!((f64::from(um) - 1.96 * COMMON_UM).abs() < 1e-3, "lines without error share the grader's: {um}");
        assert!((um / rows - 3.87).abs() < 1e-3);
        assert_eq!(half_width_in_bscan(&Surfaces::undetermined(4, 4), RETINA, None, None), None);
    }
}
