//! Image quality of a B-scan: signal-to-noise, contrast, illumination, and whether the retina is cut off.
//!
//! Measured on display intensity, relative to the range of its values: the same picture in other units gives the same
//! measures. Each scanner maps reflectivity to intensity by its own curve, so values can be compared only between scans
//! of one scanner, and not with the decibels that a scanner states.

use serde::{Deserialize, Serialize};

use crate::{
    layer::{Boundary, Layer, Measured},
    scan::BScan,
    surface::Surfaces,
};

/// Samples left out between the ILM and the background above it: the ILM is not sharp, and the vitreous may adhere to
/// it.
const MARGIN: usize = 10;
/// Distance from the image's edge, in rows, at which a boundary counts as cut off.
const EDGE: f32 = 2.0;
/// Brighter samples above the retina, as a share of the range of values, are padding: scanners fill areas outside the
/// acquired frame with white.
const PADDING_GREY: f32 = 0.98;
/// Fewest samples for a measurement.
const MIN_SAMPLES: usize = 500;
/// Smallest deviation of the background, as a share of the range of values: that of rounding to 256 levels
/// (1 / 255 / sqrt(12)).
const ROUNDING: f32 = 0.001_13;

/// Image quality of one B-scan; `None` if a value cannot be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Signal-to-noise ratio in decibels: 20 log10 of the distance between the retina's 99th percentile and the
    /// vitreous' mean, in standard deviations of the vitreous.
    pub snr_db: Option<f32>,
    /// Contrast-to-noise ratio: difference of the means of retina and vitreous over the root of their mean variance.
    pub contrast: Option<f32>,
    /// Share of A-scans whose retina is less than half as bright as that of the median A-scan, relative to the
    /// vitreous, 0 to 1.
    pub dark: Option<f32>,
    /// Difference in the ONL's brightness between the left and right half, as a share of the retina's brightness above
    /// the vitreous.
    pub tilt: Option<f32>,
    /// Share of A-scans whose ILM or Bruch's membrane is cut off by the image's edge, 0 to 1.
    pub cut_off: Option<f32>,
}

/// The range of a picture's values.
#[derive(Clone, Copy)]
struct Range {
    low: f32,
    /// From the darkest to the brightest sample; zero if all are equal.
    span: f32,
}

impl Range {
    fn of(bscan: &BScan) -> Self {
        let start = (f32::INFINITY, f32::NEG_INFINITY);
        let (low, high) = bscan.intensity.iter().fold(start, |(low, high), &v| (low.min(v), high.max(v)));
        Self { low, span: (high - low).max(0.0) }
    }
}

/// Sum, sum of squares and count of samples.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(self) -> f32 {
        (self.sum / self.count.max(1) as f64) as f32
    }

    fn variance(self) -> f32 {
        let count = self.count.max(1) as f64;
        (self.squares / count - (self.sum / count).powi(2)).max(0.0) as f32
    }
}

impl Signal {
    /// Measures `bscan` along its boundaries.
    #[must_use]
    pub fn of(bscan: &BScan, surfaces: &Surfaces) -> Self {
        let cut_off = cut_off(surfaces, bscan.height);
        let range = Range::of(bscan);
        let background = background(bscan, surfaces, range);
        let retina = Measured::Retina;
        let ascans: Vec<Option<Moments>> =
            (0..bscan.width).map(|x| between(bscan, surfaces, x, retina.upper(), retina.lower())).collect();
        let mut whole = Moments::default();
        ascans.iter().flatten().for_each(|m| {
            whole.count += m.count;
            whole.sum += m.sum;
            whole.squares += m.squares;
        });
        if background.count < MIN_SAMPLES || whole.count < MIN_SAMPLES || range.span <= 0.0 {
            return Self { cut_off, ..Self::default() };
        }
        let above = whole.mean() - background.mean();
        let rounding = ROUNDING * range.span;
        let noise = background.variance().sqrt().max(rounding);
        let bright = brightest(bscan, surfaces) - background.mean();
        let spread = (0.5 * (whole.variance() + background.variance())).sqrt().max(rounding);
        Self {
            snr_db: (bright > 0.0).then(|| 20.0 * (bright / noise).log10()),
            contrast: Some(above / spread),
            dark: dark(&ascans, background.mean()),
            tilt: (above > 0.0).then(|| tilt(bscan, surfaces)).flatten().map(|t| t / above),
            cut_off,
        }
    }
}

/// The vitreous, well above the ILM.
fn background(bscan: &BScan, surfaces: &Surfaces, range: Range) -> Moments {
    let white = range.low + PADDING_GREY * range.span;
    let mut moments = Moments::default();
    for (x, ilm) in surfaces.rows(Boundary::Ilm).iter().enumerate() {
        let rows = ilm.map_or(0, |row| (row.max(0.0) as usize).saturating_sub(MARGIN)).min(bscan.height);
        (0..rows).map(|y| bscan.intensity[y * bscan.width + x]).filter(|&v| v < white).for_each(|v| moments.add(v));
    }
    moments
}

/// The samples of A-scan `x` between two boundaries; `None` if a boundary is not determined or they enclose no sample.
fn between(bscan: &BScan, surfaces: &Surfaces, x: usize, upper: Boundary, lower: Boundary) -> Option<Moments> {
    let rows = rows_between(bscan, surfaces, x, upper, lower)?;
    let mut moments = Moments::default();
    rows.for_each(|y| moments.add(bscan.intensity[y * bscan.width + x]));
    (moments.count > 0).then_some(moments)
}

fn rows_between(
    bscan: &BScan,
    surfaces: &Surfaces,
    x: usize,
    upper: Boundary,
    lower: Boundary,
) -> Option<std::ops::Range<usize>> {
    let row = |b: Boundary| surfaces.rows(b)[x].map(|r| (r.max(0.0).round() as usize).min(bscan.height));
    Some(row(upper)?..row(lower)?)
}

/// The 99th percentile of the retina's samples; zero without samples.
fn brightest(bscan: &BScan, surfaces: &Surfaces) -> f32 {
    let rows = |x| rows_between(bscan, surfaces, x, Boundary::Ilm, Boundary::RpeBm).into_iter().flatten();
    let mut samples: Vec<f32> =
        (0..bscan.width).flat_map(|x| rows(x).map(move |y| bscan.intensity[y * bscan.width + x])).collect();
    if samples.is_empty() {
        return 0.0;
    }
    let at = samples.len() - 1 - samples.len() / 100;
    *samples.select_nth_unstable_by(at, f32::total_cmp).1
}

fn dark(ascans: &[Option<Moments>], background: f32) -> Option<f32> {
    let mut above: Vec<f32> = ascans.iter().flatten().map(|m| m.mean() - background).collect();
    above.sort_by(f32::total_cmp);
    let half = 0.5 * above.get(above.len() / 2)?;
    Some(above.partition_point(|&v| v < half) as f32 / above.len() as f32)
}

/// The difference of the ONL's mean brightness between the image's halves.
fn tilt(bscan: &BScan, surfaces: &Surfaces) -> Option<f32> {
    let onl = Layer::Onl;
    let mean = |columns: std::ops::Range<usize>| {
        let found: Vec<f32> =
            columns.filter_map(|x| Some(between(bscan, surfaces, x, onl.upper(), onl.lower())?.mean())).collect();
        (found.len() >= MIN_SAMPLES / 10).then(|| found.iter().sum::<f32>() / found.len() as f32)
    };
    Some((mean(0..bscan.width / 2)? - mean(bscan.width / 2..bscan.width)?).abs())
}

fn cut_off(surfaces: &Surfaces, height: usize) -> Option<f32> {
    let (ilm, bruch) = (surfaces.rows(Boundary::Ilm), surfaces.rows(Boundary::RpeBm));
    let last = height as f32 - EDGE;
    let (mut seen, mut cut) = (0, 0);
    for x in (0..surfaces.width()).filter(|&x| !surfaces.shows_disc(x)) {
        let touches = match (ilm[x], bruch[x]) {
            (None, None) => continue,
            (Some(top), Some(bottom)) => top < EDGE || bottom > last,
            // The undetermined boundary lies outside the image.
            _ => true,
        };
        seen += 1;
        cut += usize::from(touches);
    }
    (seen > 0).then(|| cut as f32 / seen as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::{Phantom, PhantomOptions, PhantomScan};

    fn signal(options: PhantomOptions) -> Signal {
        let scan = Phantom::generate(&options, 5);
        Signal::of(&scan.bscan, &scan.surfaces)
    }

    /// A retina of 0.5 from row 50 to 114 under a vitreous of 0.1 with noise of 0.02.
    fn plain(brightness: impl Fn(usize, usize) -> f32) -> (BScan, Surfaces) {
        let (width, height) = (200, 200);
        let rows = std::array::from_fn(|k| vec![Some(50.0 + 8.0 * k as f32); width]);
        let pixel = |i: usize| {
            let (x, y) = (i % width, i / width);
            let noise = if (x + y) % 2 == 0 { 0.02 } else { -0.02 };
            if y < 50 { 0.1 + noise } else { brightness(x, y) }
        };
        (BScan { width, height, intensity: (0..width * height).map(pixel).collect() }, Surfaces::exact(height, rows))
    }

    #[test]
    fn a_uniform_image_has_values_that_follow_from_its_greys() {
        let (bscan, surfaces) = plain(|_, _| 0.5);
        let signal = Signal::of(&bscan, &surfaces);
        // 0.4 above the vitreous is 20 of its deviations: 26 dB.
        assert!((signal.snr_db.unwrap() - 26.0).abs() < 0.1, "{signal:?}");
        assert!((signal.contrast.unwrap() - 0.4 / (0.5_f32 * 0.0004).sqrt()).abs() < 0.5);
        assert_eq!((signal.dark, signal.cut_off), (Some(0.0), Some(0.0)));
        assert!(signal.tilt.unwrap() < 1e-3);
    }

    #[test]
    fn measures_do_not_depend_on_the_unit_of_intensity() {
        let options = PhantomOptions { averaging: 8.0, pathology: 0.0, ..PhantomOptions::spectralis() };
        let PhantomScan { bscan, surfaces, .. } = Phantom::generate(&options, 3);
        let with = |unit: &dyn Fn(f32) -> f32| {
            let intensity = bscan.intensity.iter().map(|&v| unit(v)).collect();
            Signal::of(&BScan { intensity, ..bscan.clone() }, &surfaces)
        };
        let levels = |levels: f32| move |v: f32| (v * levels).round();
        let eight = with(&|v| levels(255.0)(v) / 255.0);
        let same = |a: Option<f32>, b: Option<f32>, within: f32| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= within,
            _ => false,
        };
        let cases: [(&str, Signal, f32); 4] = [
            ("a factor", with(&|v| 0.0015 * levels(255.0)(v) / 255.0), 1e-3),
            ("an offset", with(&|v| 0.3 + 0.4 * levels(255.0)(v) / 255.0), 1e-3),
            ("16 bits", with(&|v| levels(65_535.0)(v) / 65_535.0), 0.02),
            ("values 0 to 100 of 16 bits", with(&|v| levels(100.0)(v) / 65_535.0), 0.05),
        ];
        for (unit, signal, within) in cases {
            assert!(same(signal.snr_db, eight.snr_db, 10.0 * within), "{unit}: {signal:?} {eight:?}");
            assert!(same(signal.contrast, eight.contrast, within), "{unit}: {signal:?} {eight:?}");
            assert!(same(signal.dark, eight.dark, within) && same(signal.tilt, eight.tilt, within), "{unit}");
            assert_eq!(signal.cut_off, eight.cut_off, "{unit}");
        }
    }

    #[test]
    fn a_picture_of_one_grey_has_no_signal() {
        let (bscan, surfaces) = plain(|_, _| 0.5);
        let flat = BScan { intensity: vec![0.3; bscan.intensity.len()], ..bscan };
        assert_eq!(Signal::of(&flat, &surfaces), Signal { cut_off: Some(0.0), ..Signal::default() });
    }

    #[test]
    fn shadows_and_uneven_light_are_measured() {
        let (bscan, surfaces) = plain(|x, _| if x < 50 { 0.2 } else { 0.5 });
        assert_eq!(Signal::of(&bscan, &surfaces).dark, Some(0.25));
        let (bscan, surfaces) = plain(|x, _| 0.3 + 0.002 * x as f32);
        // The halves differ by 0.2; the retina lies 0.4 above the vitreous.
        assert!((Signal::of(&bscan, &surfaces).tilt.unwrap() - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_retina_at_the_image_s_edge_is_cut_off() {
        let (bscan, _) = plain(|_, _| 0.5);
        let rows = |first: f32| std::array::from_fn(|k| vec![Some(first + 8.0 * k as f32); 200]);
        let shifted = |first| Signal::of(&bscan, &Surfaces::exact(200, rows(first))).cut_off;
        assert_eq!((shifted(1.0), shifted(20.0), shifted(143.0)), (Some(1.0), Some(0.0), Some(1.0)));
        let mut half = rows(50.0);
        half[Boundary::Ilm.index()][..100].fill(None);
        assert_eq!(Signal::of(&bscan, &Surfaces::exact(200, half)).cut_off, Some(0.5));
    }

    #[test]
    fn noise_lowers_signal_and_contrast() {
        let good = signal(PhantomOptions { averaging: 40.0, ..PhantomOptions::spectralis() });
        let poor = signal(PhantomOptions { averaging: 1.0, noise_db: -18.0, ..PhantomOptions::spectralis() });
        assert!(good.snr_db > poor.snr_db && good.contrast > poor.contrast, "{good:?} {poor:?}");
    }

    #[test]
    fn nothing_is_measured_without_boundaries() {
        let (bscan, _) = plain(|_, _| 0.5);
        assert_eq!(Signal::of(&bscan, &Surfaces::undetermined(200, 200)), Signal::default());
    }
}
