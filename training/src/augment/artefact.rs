//! Artefacts of scanners and eyes: uneven illumination, vessel shadows, bands, padding.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{frame::Frame, noise, random::chance};
use crate::data::PixelLabel;

/// Applies a slowly varying gain across the A-scans and along the depth.
pub(super) fn illumination(frame: &mut Frame, rng: &mut ChaCha8Rng) {
    let (w, h) = (frame.bscan.width, frame.bscan.height);
    let mut gain = |n: usize, most: f32| {
        let strength = rng.random_range(0.0..most);
        noise::slow_curve(n, rng).into_iter().map(|c| 1.0 + strength * c).collect::<Vec<f32>>()
    };
    let (across, along) = (gain(w, 0.45), gain(h, 0.25));
    for (row, gain) in frame.bscan.intensity.chunks_exact_mut(w).zip(along) {
        row.iter_mut().zip(&across).for_each(|(v, a)| *v *= a * gain);
    }
}

/// Adds shadows of vessels or floaters: soft-edged columns, darker from the inner retina downwards.
pub(super) fn shadows(frame: &mut Frame, rng: &mut ChaCha8Rng) {
    let (w, h) = (frame.bscan.width, frame.bscan.height);
    for _ in 0..rng.random_range(1..6) {
        let centre = rng.random_range(0.0..w as f32);
        let half = rng.random_range(1.5..14.0_f32);
        let depth = rng.random_range(0.2..0.95_f32);
        let soft = rng.random_range(0.5..4.0_f32);
        let floater = chance(rng, 0.3);
        let reach = half + 4.0 * soft;
        for x in (centre - reach).max(0.0) as usize..((centre + reach) as usize + 1).min(w) {
            let d = (x as f32 + 0.5 - centre).abs() - half;
            let gain = 1.0 - depth / (1.0 + (d / soft * 2.0).exp());
            let first = (0..h).find(|&y| frame.labels[y * w + x].is_tissue());
            let start = if floater { 0 } else { first.map_or(0, |y| y + 8) };
            for y in start..h {
                frame.bscan.intensity[y * w + x] *= gain;
            }
        }
    }
}

/// Adds dark or bright horizontal bands, such as reflections and mirror artefacts.
pub(super) fn bands(frame: &mut Frame, rng: &mut ChaCha8Rng) {
    let (w, h) = (frame.bscan.width, frame.bscan.height);
    for _ in 0..rng.random_range(1..4) {
        let centre = rng.random_range(0.0..h as f32);
        let half = rng.random_range(0.7..20.0_f32);
        let amount = if half < 4.0 { rng.random_range(-0.4..0.6_f32) } else { rng.random_range(-0.5..0.15_f32) };
        for (y, row) in frame.bscan.intensity.chunks_exact_mut(w).enumerate() {
            let d = (y as f32 + 0.5 - centre) / half;
            let change = amount * (-d * d).exp();
            if change.abs() > 0.005 {
                // Dark bands are multiplied, bright ones added.
                for v in row {
                    *v = if change < 0.0 { *v * (1.0 + change) } else { *v + change };
                }
            }
        }
    }
}

/// Adds a burnt-in scale to a corner: two thin bright bars at right angles, and a few small blocks as letters.
pub(super) fn scale_marks(frame: &mut Frame, rng: &mut ChaCha8Rng) {
    let (w, h) = (frame.bscan.width, frame.bscan.height);
    let value = rng.random_range(0.7..=1.0_f32);
    let thick = rng.random_range(1..4);
    let (across, down) = (rng.random_range(0.04..0.2_f32), rng.random_range(0.04..0.2_f32));
    let (across, down) = ((w as f32 * across) as usize, (h as f32 * down) as usize);
    let (left, top) = (rng.random_range(0..=w - across), if chance(rng, 0.5) { h - down } else { 0 });
    let mut fill = |x: usize, y: usize, width: usize, height: usize| {
        for y in y..(y + height).min(h) {
            for x in x..(x + width).min(w) {
                frame.bscan.intensity[y * w + x] = value;
                if frame.labels[y * w + x].is_tissue() {
                    frame.labels[y * w + x] = PixelLabel::UNKNOWN;
                }
            }
        }
    };
    fill(left, top, thick, down);
    fill(left, (top + down).saturating_sub(thick), across, thick);
    for i in 0..rng.random_range(0..7) {
        let (x, y) = (left + 6 + 7 * i, top + down / 2);
        fill(x, y, rng.random_range(2..6), rng.random_range(2..8));
    }
}

/// Adds a white or black wedge of padding at a border. Layers under it are invisible, so its pixels are unlabelled.
pub(super) fn wedge(frame: &mut Frame, rng: &mut ChaCha8Rng) {
    let (w, h) = (frame.bscan.width, frame.bscan.height);
    let value = if chance(rng, 0.7) { 1.0 } else { 0.0 };
    let sides = chance(rng, 0.4);
    let (length, depth) = if sides { (h, w) } else { (w, h) };
    let most = depth as f32 * 0.22;
    let (from, to) = (rng.random_range(0.0..most), rng.random_range(-most..most));
    let far = chance(rng, 0.5);
    for i in 0..length {
        let t = i as f32 / length as f32;
        let reach = ((to - from).mul_add(t, from).max(0.0) as usize).min(depth);
        for j in 0..reach {
            let j = if far { depth - 1 - j } else { j };
            let at = if sides { i * w + j } else { j * w + i };
            frame.bscan.intensity[at] = value;
            if frame.labels[at].is_tissue() {
                frame.labels[at] = PixelLabel::UNKNOWN;
            }
        }
    }
}
