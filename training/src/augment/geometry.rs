//! Random geometry: scale, position, flip and tilt.

use octrls_core::scan::BScan;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    frame::{self, Frame},
    random::chance,
};
use crate::data::PixelLabel;

/// Longest side of a frame: the runtime shrinks longer scans to the network's input size.
const MAX_SIDE: f32 = frame::MAX_SIDE as f32;
/// Smallest and largest scale along either axis.
const SCALES: std::ops::Range<f32> = 0.6..1.7;
/// Range of scales for a few frames with unusual spacing.
const EXTREME_SCALES: std::ops::Range<f32> = 0.4..2.6;
/// Shortest side of a frame, in pixels.
const MIN_SIDE: f32 = 160.0;

/// Mapping of a frame's pixels to its source.
struct Geometry {
    width: usize,
    height: usize,
    /// Source column and row of the frame's corner.
    left: f32,
    top: f32,
    /// Source columns and rows per frame column and row.
    lateral: f32,
    axial: f32,
    flip: bool,
    /// Downward shift of each frame column, in frame rows.
    shift: Vec<f32>,
}

/// A random geometric variant of `source`.
pub(super) fn warp(source: &Frame, rng: &mut ChaCha8Rng) -> Frame {
    let geometry = Geometry::random(source, rng);
    geometry.sample(source)
}

/// `source` unchanged, but shrunk if it is longer than the network's input.
pub(super) fn fit(source: &Frame) -> Frame {
    let per = |length: usize| (length as f32 / MAX_SIDE).max(1.0);
    let (lateral, axial) = (per(source.bscan.width), per(source.bscan.height));
    let width = (source.bscan.width as f32 / lateral) as usize;
    let height = (source.bscan.height as f32 / axial) as usize;
    let shift = vec![0.0; width];
    Geometry { width, height, left: 0.0, top: 0.0, lateral, axial, flip: false, shift }.sample(source)
}

/// A log-uniform scale within [`SCALES`]; often near 1, as in real scans.
fn scale(rng: &mut ChaCha8Rng) -> f32 {
    if chance(rng, 0.3) {
        rng.random_range(0.93..1.07)
    } else {
        let scales = if chance(rng, 0.12) { EXTREME_SCALES } else { SCALES };
        rng.random_range(scales.start.ln()..scales.end.ln()).exp()
    }
}

impl Geometry {
    fn random(source: &Frame, rng: &mut ChaCha8Rng) -> Self {
        let (w, h) = (source.bscan.width as f32, source.bscan.height as f32);
        let mut per = |length: f32| (length / MAX_SIDE).max(1.0) / scale(rng);
        let (lateral, axial) = (per(w), per(h));
        let mut side = |length: f32, per: f32, cut: f64| {
            let full = (length / per).min(MAX_SIDE);
            let side = if chance(rng, cut) { full * rng.random_range(0.5..1.0) } else { full };
            let side = side.max(MIN_SIDE.min(full)).floor().max(16.0);
            let slack = (length - side * per).max(0.0);
            (side as usize, rng.random_range(0.0..=slack))
        };
        let (width, left) = side(w, lateral, 0.4);
        let (height, top) = side(h, axial, 0.25);
        let top = top.min(top_of_retina(source).map_or(top, |r| (r - 10.0).max(0.0)));
        Self {
            width,
            height,
            left,
            top,
            lateral,
            axial,
            flip: chance(rng, 0.5),
            shift: random_shift(width, height, rng),
        }
    }

    fn sample(&self, source: &Frame) -> Frame {
        let (sw, sh) = (source.bscan.width, source.bscan.height);
        let mut intensity = Vec::with_capacity(self.width * self.height);
        let mut labels = Vec::with_capacity(self.width * self.height);
        let columns: Vec<f32> = (0..self.width)
            .map(|x| {
                let x = if self.flip { self.width - 1 - x } else { x };
                (x as f32 + 0.5).mul_add(self.lateral, self.left)
            })
            .collect();
        // If pixels are merged, average two or four samples over the area.
        let du = if self.lateral > 1.15 { self.lateral / 4.0 } else { 0.0 };
        let dv = if self.axial > 1.15 { self.axial / 4.0 } else { 0.0 };
        for y in 0..self.height {
            for (&u, &shift) in columns.iter().zip(&self.shift) {
                let v = (y as f32 + 0.5 - shift).mul_add(self.axial, self.top);
                let at = |u, v| bilinear(&source.bscan, u, v);
                intensity.push(match (du > 0.0, dv > 0.0) {
                    (false, false) => at(u, v),
                    (true, false) => (at(u - du, v) + at(u + du, v)) / 2.0,
                    (false, true) => (at(u, v - dv) + at(u, v + dv)) / 2.0,
                    (true, true) => {
                        (at(u - du, v - dv) + at(u + du, v - dv) + at(u - du, v + dv) + at(u + du, v + dv)) / 4.0
                    }
                });
                let inside = u >= 0.0 && v >= 0.0 && (u as usize) < sw && (v as usize) < sh;
                labels.push(if inside { source.labels[v as usize * sw + u as usize] } else { PixelLabel::UNKNOWN });
            }
        }
        Frame { bscan: BScan { width: self.width, height: self.height, intensity }, labels, ez: source.ez }
    }
}

/// First row with a layer, so that a cut frame still contains the retina.
fn top_of_retina(source: &Frame) -> Option<f32> {
    source.labels.iter().position(|label| label.is_tissue()).map(|i| (i / source.bscan.width) as f32)
}

/// Shift of each column: a line, a parabola and a slow wave, for tilted, curved and moving eyes.
fn random_shift(width: usize, height: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let reach = height as f32;
    let slope = if chance(rng, 0.6) { rng.random_range(-0.18..0.18_f32) } else { 0.0 } * width as f32;
    let bend = if chance(rng, 0.5) { rng.random_range(-0.08..0.08_f32) } else { 0.0 } * reach;
    let wave = if chance(rng, 0.3) { rng.random_range(0.0..0.015_f32) } else { 0.0 } * reach;
    let cycles = rng.random_range(0.5..4.0_f32);
    let phase = rng.random_range(0.0..std::f32::consts::TAU);
    (0..width)
        .map(|x| {
            let t = 2.0 * (x as f32 + 0.5) / width as f32 - 1.0;
            let curve = bend * t.mul_add(t, -1.0 / 3.0);
            slope * t / 2.0 + curve + wave * (cycles * t * std::f32::consts::PI + phase).sin()
        })
        .collect()
}

/// Intensity at a position from the edge (the centre of a pixel is at its index + 0.5); mirrored beyond the border.
fn bilinear(bscan: &BScan, u: f32, v: f32) -> f32 {
    let (x, y) = (u - 0.5, v - 0.5);
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let (xa, xb) = (mirror(x0 as isize, bscan.width), mirror(x0 as isize + 1, bscan.width));
    let (ya, yb) = (mirror(y0 as isize, bscan.height), mirror(y0 as isize + 1, bscan.height));
    let at = |x: usize, y: usize| bscan.intensity[y * bscan.width + x];
    let upper = at(xa, ya) + (at(xb, ya) - at(xa, ya)) * fx;
    let lower = at(xa, yb) + (at(xb, yb) - at(xa, yb)) * fx;
    upper + (lower - upper) * fy
}

fn mirror(i: isize, n: usize) -> usize {
    let n = n as isize;
    if (0..n).contains(&i) {
        return i as usize;
    }
    let i = i.rem_euclid(2 * n);
    (if i < n { i } else { 2 * n - 1 - i }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(width: usize, height: usize) -> Geometry {
        let shift = vec![0.0; width];
        Geometry { width, height, left: 0.0, top: 0.0, lateral: 1.0, axial: 1.0, flip: false, shift }
    }

    fn step(width: usize, height: usize, edge: usize) -> Frame {
        let below = |i: usize| i / width >= edge;
        Frame {
            bscan: BScan {
                width,
                height,
                intensity: (0..width * height).map(|i| f32::from(u8::from(below(i)))).collect(),
            },
            labels: (0..width * height).map(|i| PixelLabel::of_code(u8::from(below(i)))).collect(),
            ez: octrls_core::layer::EzConvention::default(),
        }
    }

    #[test]
    fn identity_keeps_the_frame() {
        let frame = step(20, 30, 11);
        let out = identity(20, 30).sample(&frame);
        assert_eq!(out.bscan, frame.bscan);
        assert_eq!(out.labels, frame.labels);
    }

    #[test]
    fn fit_shrinks_only_frames_longer_than_the_input() {
        let frame = step(20, 30, 11);
        assert_eq!(fit(&frame).bscan, frame.bscan);
        let long = fit(&step(1300, 40, 7)).bscan;
        assert_eq!((long.width, long.height), (MAX_SIDE as usize, 40));
    }

    #[test]
    fn labels_and_intensities_move_together() {
        let frame = step(20, 40, 20);
        for axial in [0.5, 1.0, 2.0] {
            let out = Geometry { axial, height: (40.0 / axial) as usize, ..identity(20, 0) }.sample(&frame);
            for (i, (label, &v)) in out.labels.iter().zip(&out.bscan.intensity).enumerate() {
                assert_eq!(label.layer() == Some(1), v >= 0.5, "scale {axial}, row {}", i / 20);
            }
        }
    }

    #[test]
    fn shift_moves_columns_down_and_leaves_a_gap_unlabelled() {
        let out = Geometry { shift: vec![3.0; 8], ..identity(8, 16) }.sample(&step(8, 16, 5));
        assert_eq!(out.labels[..8 * 3], [PixelLabel::UNKNOWN; 24]);
        assert_eq!((out.labels[8 * 7].layer(), out.labels[8 * 8].layer()), (Some(0), Some(1)));
    }

    #[test]
    fn mirrored_indices_stay_inside() {
        assert_eq!([-2, -1, 0, 3, 4, 5].map(|i| mirror(i, 4)), [1, 0, 0, 3, 3, 2]);
    }
}
