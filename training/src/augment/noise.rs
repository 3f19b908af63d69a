//! Noise and smoothing of display intensities.

use octrls_core::scan::BScan;
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;

/// A nearly normal number of mean 0 and variance 1: the sum of four uniform numbers from one draw.
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let bits = rng.next_u64();
    let sum: u32 = (0..4).map(|i| (bits >> (16 * i)) as u32 & 0xFFFF).sum();
    // Four uniforms on 0..1 have mean 2 and variance 1/3.
    (sum as f32 / 65_536.0 - 2.0) * 3.0_f32.sqrt()
}

/// Adds noise: one part is independent of the signal, one is proportional to it.
pub(super) fn add_noise(bscan: &mut BScan, additive: f32, speckle: f32, rng: &mut ChaCha8Rng) {
    for v in &mut bscan.intensity {
        *v += normal(rng) * (additive + speckle * *v);
    }
}

/// Adds coarse noise with grains of `grain` pixels, as in interpolated scans.
pub(super) fn add_grain(bscan: &mut BScan, grain: usize, strength: f32, rng: &mut ChaCha8Rng) {
    let (cols, rows) = (bscan.width.div_ceil(grain), bscan.height.div_ceil(2));
    let cells: Vec<f32> = (0..cols * rows).map(|_| normal(rng) * strength).collect();
    let width = bscan.width;
    for (i, v) in bscan.intensity.iter_mut().enumerate() {
        *v += cells[(i / width / 2) * cols + (i % width) / grain];
    }
}

/// Smooths along the A-scans (`axial` passes) and across them (`lateral` passes) with weights 1, 2, 1.
pub(super) fn smooth(bscan: &mut BScan, axial: usize, lateral: usize) {
    let (w, h) = (bscan.width, bscan.height);
    for _ in 0..lateral {
        for row in bscan.intensity.chunks_exact_mut(w) {
            let mut before = row[0];
            for x in 0..w {
                let (here, after) = (row[x], row[(x + 1).min(w - 1)]);
                row[x] = (before + 2.0 * here + after) / 4.0;
                before = here;
            }
        }
    }
    for _ in 0..axial {
        let mut before = bscan.intensity[..w].to_vec();
        for y in 0..h {
            let next = (y + 1).min(h - 1) * w;
            for (x, before) in before.iter_mut().enumerate() {
                let (here, after) = (bscan.intensity[y * w + x], bscan.intensity[next + x]);
                bscan.intensity[y * w + x] = (*before + 2.0 * here + after) / 4.0;
                *before = here;
            }
        }
    }
}

/// A slow random curve of `n` values between -1 and 1: a sum of sines.
pub(super) fn slow_curve(n: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let waves: Vec<(f32, f32)> =
        (0..3).map(|_| (rng.random_range(0.3..3.0_f32), rng.random_range(0.0..std::f32::consts::TAU))).collect();
    (0..n)
        .map(|i| {
            let t = i as f32 / n as f32 * std::f32::consts::TAU;
            waves.iter().map(|(f, phase)| (f * t + phase).sin()).sum::<f32>() / 3.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn noise_has_mean_0_and_variance_1() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f32> = (0..50_000).map(|_| normal(&mut rng)).collect();
        let mean = values.iter().sum::<f32>() / 5e4;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 5e4;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn smoothing_keeps_the_sum_of_an_interior_spot() {
        let mut bscan = BScan { width: 9, height: 9, intensity: vec![0.0; 81] };
        bscan.intensity[40] = 1.0;
        smooth(&mut bscan, 2, 2);
        assert!((bscan.intensity.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(bscan.intensity[40] < 0.2);
    }
}
