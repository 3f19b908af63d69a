//! Scans with a given thickness, for tests.

use super::slice::Slice;
use crate::scan::{BScanPosition, Place};

/// B-scans of `width` A-scans over `size` millimetres around `middle`, rotated by `angle`, with the given
/// `thickness`.
pub(crate) fn raster(
    (width, bscans): (usize, usize),
    size: f64,
    middle: Place,
    angle: f64,
    thickness: impl Fn(Place) -> Option<f32>,
) -> Vec<Slice> {
    let (sin, cos) = angle.sin_cos();
    let turned = |u: f64, v: f64| Place { x: middle.x + u * cos - v * sin, y: middle.y + u * sin + v * cos };
    (0..bscans)
        .map(|i| {
            let v = size * (i as f64 / (bscans - 1) as f64 - 0.5);
            let track = BScanPosition::Line { start: turned(-0.5 * size, v), end: turned(0.5 * size, v) };
            Slice { track, thickness: (0..width).map(|x| thickness(track.at(x, width))).collect() }
        })
        .collect()
}
