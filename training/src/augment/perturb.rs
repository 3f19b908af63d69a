//! Single perturbations of known strength, to test a model's robustness one at a time.

use image::{ImageBuffer, Luma, imageops};
use octrls_core::{layer::BOUNDARIES, scan::BScan};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::noise;
use crate::data::BoundaryRows;

/// One perturbation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Perturbation {
    /// None.
    None,
    /// Number of A-scans and samples scaled by these factors.
    Scale {
        /// Factor for the number of A-scans.
        lateral: f32,
        /// Factor for the number of samples.
        axial: f32,
    },
    /// Left and right swapped.
    Mirror,
    /// Tilt of the eye, in rows down per A-scan.
    Tilt(f32),
    /// Downward shift of the eye, as a share of the height; parts outside the frame are lost.
    ShiftDown(f32),
    /// Only the middle share of the A-scans.
    Crop(f32),
    /// Noise proportional to the signal, with this standard deviation at full signal.
    Speckle(f32),
    /// Noise with this standard deviation everywhere.
    Noise(f32),
    /// Passes of a 1-2-1 filter along and across the A-scans.
    Blur(usize),
    /// Intensities raised to this power.
    Gamma(f32),
    /// Contrast multiplied by this, around the mean.
    Contrast(f32),
    /// Five evenly spaced shadows that take this share of the light.
    Shadows(f32),
    /// White wedge over the upper left corner, with this share of width and height.
    Wedge(f32),
    /// Scale of two bright bars in the lower left corner.
    ScaleBars,
}

/// All perturbations measured, with their descriptions.
pub const PERTURBATIONS: [(&str, Perturbation); 24] = [
    ("as scanned", Perturbation::None),
    ("spacing x 4 (a quarter of the pixels each way)", Perturbation::Scale { lateral: 0.25, axial: 0.25 }),
    ("spacing x 2", Perturbation::Scale { lateral: 0.5, axial: 0.5 }),
    ("spacing x 0.5", Perturbation::Scale { lateral: 2.0, axial: 2.0 }),
    ("spacing x 0.25", Perturbation::Scale { lateral: 4.0, axial: 4.0 }),
    ("lateral spacing x 4", Perturbation::Scale { lateral: 0.25, axial: 1.0 }),
    ("lateral spacing x 2", Perturbation::Scale { lateral: 0.5, axial: 1.0 }),
    ("axial spacing x 2", Perturbation::Scale { lateral: 1.0, axial: 0.5 }),
    ("axial spacing x 0.5", Perturbation::Scale { lateral: 1.0, axial: 2.0 }),
    ("mirrored", Perturbation::Mirror),
    ("tilted by 0.2 rows an A-scan", Perturbation::Tilt(0.2)),
    ("moved down by 15 %", Perturbation::ShiftDown(0.15)),
    ("middle third of the A-scans", Perturbation::Crop(0.33)),
    ("speckle, deviation 0.2", Perturbation::Speckle(0.2)),
    ("speckle, deviation 0.4", Perturbation::Speckle(0.4)),
    ("noise, deviation 0.1", Perturbation::Noise(0.1)),
    ("blur, 3 passes", Perturbation::Blur(3)),
    ("gamma 0.5", Perturbation::Gamma(0.5)),
    ("gamma 2", Perturbation::Gamma(2.0)),
    ("contrast x 0.4", Perturbation::Contrast(0.4)),
    ("shadows of half the light", Perturbation::Shadows(0.5)),
    ("shadows of 90 % of the light", Perturbation::Shadows(0.9)),
    ("white wedge, 25 %", Perturbation::Wedge(0.25)),
    ("burnt-in scale", Perturbation::ScaleBars),
];

impl Perturbation {
    /// Applies the perturbation to a scan and its boundaries; `None` where a boundary left the frame or is covered.
    #[must_use]
    pub fn apply(self, bscan: &BScan, truth: &BoundaryRows, seed: u64) -> (BScan, BoundaryRows) {
        let mut out = bscan.clone();
        let (w, h) = (bscan.width, bscan.height);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mean = out.intensity.iter().sum::<f32>() / out.intensity.len().max(1) as f32;
        match self {
            Self::None => {}
            Self::Scale { lateral, axial } => return scaled(bscan, truth, lateral, axial),
            Self::Mirror => {
                out.intensity.chunks_exact_mut(w).for_each(<[f32]>::reverse);
                return (out, std::array::from_fn(|k| truth[k].iter().rev().copied().collect()));
            }
            Self::Tilt(slope) => return moved(bscan, truth, |x| slope * (x as f32 - 0.5 * w as f32)),
            Self::ShiftDown(share) => return moved(bscan, truth, |_| (share * h as f32).round()),
            Self::Crop(share) => {
                let kept = ((share * w as f32) as usize).max(16).min(w);
                let columns = (w - kept) / 2..(w - kept) / 2 + kept;
                let lines = bscan.intensity.chunks_exact(w);
                out.intensity = lines.flat_map(|line| line[columns.clone()].iter().copied()).collect();
                out.width = kept;
                return (out, std::array::from_fn(|k| truth[k][columns.clone()].to_vec()));
            }
            Self::Speckle(strength) => noise::add_noise(&mut out, 0.0, strength, &mut rng),
            Self::Noise(strength) => noise::add_noise(&mut out, strength, 0.0, &mut rng),
            Self::Blur(passes) => noise::smooth(&mut out, passes, passes),
            Self::Gamma(power) => out.intensity.iter_mut().for_each(|v| *v = v.max(0.0).powf(power)),
            Self::Contrast(factor) => out.intensity.iter_mut().for_each(|v| *v = (*v - mean).mul_add(factor, mean)),
            Self::Shadows(loss) => {
                let lines = out.intensity.chunks_exact_mut(w);
                lines.flat_map(|l| l.iter_mut().enumerate()).for_each(|(x, v)| *v *= 1.0 - loss * shade(x, w));
            }
            Self::Wedge(share) => {
                let covered = |x: usize, y: usize| x as f32 / w as f32 + y as f32 / h as f32 <= share;
                out.intensity.iter_mut().enumerate().filter(|(i, _)| covered(i % w, i / w)).for_each(|(_, v)| *v = 1.0);
                let open = |x: usize, row: &Option<f32>| row.filter(|&row| !covered(x, row as usize));
                let rows = |k: usize| truth[k].iter().enumerate().map(|(x, row)| open(x, row)).collect();
                return (out, std::array::from_fn(rows));
            }
            Self::ScaleBars => {
                let bar = |x: usize, y: usize| {
                    let (x, y) = (x as isize - 10, y as isize - h as isize + 12);
                    ((0..60).contains(&x) && (0..3).contains(&y)) || ((0..3).contains(&x) && (-57..3).contains(&y))
                };
                out.intensity.iter_mut().enumerate().filter(|(i, _)| bar(i % w, i / w)).for_each(|(_, v)| *v = 1.0);
            }
        }
        out.intensity.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
        (out, truth.clone())
    }

    /// Rows of the perturbed scan per row of the original.
    #[must_use]
    pub const fn rows_per_row(self) -> f32 {
        match self {
            Self::Scale { axial, .. } => axial,
            _ => 1.0,
        }
    }
}

/// Depth of shadow in A-scan `x` of `width`, 0 to 1: five soft-edged shadows.
fn shade(x: usize, width: usize) -> f32 {
    let t = (5.0 * (x as f32 + 0.5) / width as f32).fract();
    (1.0 - 8.0 * (t - 0.5).abs()).clamp(0.0, 1.0)
}

fn scaled(bscan: &BScan, truth: &BoundaryRows, lateral: f32, axial: f32) -> (BScan, BoundaryRows) {
    let side = |n: usize, factor: f32| ((n as f32 * factor).round() as usize).max(8);
    let (width, height) = (side(bscan.width, lateral), side(bscan.height, axial));
    let image: ImageBuffer<Luma<f32>, _> =
        ImageBuffer::from_raw(bscan.width as u32, bscan.height as u32, bscan.intensity.as_slice())
            .expect("a B-scan has width * height intensities");
    let resized = imageops::resize(&image, width as u32, height as u32, imageops::FilterType::Triangle);
    let source = |x: usize| (2 * x + 1) * bscan.width / (2 * width);
    let per_row = height as f32 / bscan.height as f32;
    let rows = |k: usize| (0..width).map(|x| truth[k][source(x)].map(|row| row * per_row)).collect();
    (BScan { width, height, intensity: resized.into_raw() }, std::array::from_fn(rows))
}

/// Moves every A-scan down by a number of rows; vacated samples are dark.
fn moved(bscan: &BScan, truth: &BoundaryRows, by: impl Fn(usize) -> f32) -> (BScan, BoundaryRows) {
    let (w, h) = (bscan.width, bscan.height);
    let mut out = BScan { width: w, height: h, intensity: vec![0.0; w * h] };
    let mut rows: BoundaryRows = truth.clone();
    for x in 0..w {
        let shift = by(x);
        for y in 0..h {
            let at = y as f32 - shift;
            let (upper, share) = (at.floor(), at - at.floor());
            let pixel = |row: f32| {
                let inside = row >= 0.0 && (row as usize) < h;
                if inside { bscan.intensity[row as usize * w + x] } else { 0.0 }
            };
            out.intensity[y * w + x] = pixel(upper) * (1.0 - share) + pixel(upper + 1.0) * share;
        }
        for k in 0..BOUNDARIES {
            rows[k][x] = truth[k][x].map(|row| row + shift).filter(|&row| row >= 0.0 && row < h as f32);
        }
    }
    (out, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 40;
    const HEIGHT: usize = 60;

    /// Dark above row 30, bright below, with the boundary between.
    fn scan() -> (BScan, BoundaryRows) {
        let intensity = (0..WIDTH * HEIGHT).map(|i| if i / WIDTH < 30 { 0.2 } else { 0.8 }).collect();
        let rows = std::array::from_fn(|k| vec![(k == 0).then_some(30.0); WIDTH]);
        (BScan { width: WIDTH, height: HEIGHT, intensity }, rows)
    }

    /// Row at which an A-scan changes from dark to bright.
    fn edge(bscan: &BScan, x: usize) -> f32 {
        let at = |y: usize| bscan.intensity[y * bscan.width + x];
        let y = (1..bscan.height).find(|&y| at(y - 1) < 0.5 && at(y) >= 0.5).expect("an edge");
        // Interpolate between the centres of the two samples.
        y as f32 - 0.5 + (0.5 - at(y - 1)) / (at(y) - at(y - 1))
    }

    #[test]
    fn geometry_moves_pixels_and_boundaries_together() {
        let (bscan, truth) = scan();
        for perturbation in [
            Perturbation::Scale { lateral: 0.5, axial: 2.0 },
            Perturbation::Scale { lateral: 3.0, axial: 0.5 },
            Perturbation::Mirror,
            Perturbation::Tilt(0.3),
            Perturbation::ShiftDown(0.2),
            Perturbation::Crop(0.5),
        ] {
            let (out, rows) = perturbation.apply(&bscan, &truth, 1);
            assert_eq!((out.intensity.len(), rows[0].len()), (out.width * out.height, out.width));
            for x in [2, out.width / 2, out.width - 3] {
                let row = rows[0][x].expect("inside");
                assert!((edge(&out, x) - row).abs() < 0.6, "{perturbation:?}: {} for {row}", edge(&out, x));
            }
        }
    }

    #[test]
    fn boundaries_outside_the_frame_or_covered_are_dropped() {
        let (bscan, truth) = scan();
        let rows = |d: Perturbation| d.apply(&bscan, &truth, 1).1;
        assert!(rows(Perturbation::ShiftDown(0.6))[0].iter().all(Option::is_none));
        let covered = rows(Perturbation::Wedge(0.75));
        assert!(covered[0][0].is_none() && covered[0][WIDTH - 1].is_some());
    }

    #[test]
    fn perturbed_intensities_stay_in_range() {
        let (bscan, truth) = scan();
        for (name, perturbation) in PERTURBATIONS {
            let (out, _) = perturbation.apply(&bscan, &truth, 1);
            assert!(out.intensity.iter().all(|v| (0.0..=1.0).contains(v)), "{name}");
            assert_eq!(
                out == bscan,
                perturbation == Perturbation::None || perturbation == Perturbation::Mirror,
                "{name}"
            );
        }
    }
}
