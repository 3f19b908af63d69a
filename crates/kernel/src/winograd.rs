//! The transforms of Winograd's convolution.
//!
//! An output tile of 4 x 4 pixels takes 36 multiplications per pair of channels instead of 144: input tiles and weights
//! are transformed, multiplied point by point, and the products transformed back (Lavin and Gray, Fast Algorithms for
//! Convolutional Neural Networks, 2016: F(4 x 4, 3 x 3)). For each point, multiplying all tiles by all weights is a
//! matrix product.

use fearless_simd::{Simd, prelude::*};

/// Output pixels along a tile's side.
pub(crate) const TILE: usize = 4;
/// Input pixels along a tile's side.
pub(crate) const PATCH: usize = TILE + 2;
/// Points of a transformed tile.
pub(crate) const POINTS: usize = PATCH * PATCH;

/// `G g G'` for a 3 x 3 kernel `g`.
pub(crate) fn transform_kernel(kernel: &[f32; 9]) -> [f32; POINTS] {
    fn along(g: [f64; 3]) -> [f64; PATCH] {
        let even = g[0] + g[2];
        let near = 4.0 * g[2] + g[0];
        [
            g[0] / 4.0,
            -(even + g[1]) / 6.0,
            -(even - g[1]) / 6.0,
            (near + 2.0 * g[1]) / 24.0,
            (near - 2.0 * g[1]) / 24.0,
            g[2],
        ]
    }
    let g = |y: usize, x: usize| f64::from(kernel[y * 3 + x]);
    let columns = [0, 1, 2].map(|x| along([g(0, x), g(1, x), g(2, x)]));
    let mut points = [0.0; POINTS];
    for y in 0..PATCH {
        let row = along(columns.map(|c| c[y]));
        for (point, value) in points[y * PATCH..][..PATCH].iter_mut().zip(row) {
            *point = value as f32;
        }
    }
    points
}

/// `B' d B` for all `channels` of the patch at the start of `from`, whose rows are `stride` apart. Points are `step`
/// apart in `to`.
#[inline(always)]
pub(crate) fn transform_patch<S: Simd, V: SimdFloat<S, Element = f32>>(
    simd: S,
    from: &[f32],
    stride: usize,
    channels: usize,
    to: &mut [f32],
    step: usize,
) {
    let zero = V::simd_from(simd, 0.0);
    let mut channel = 0;
    while channel < channels {
        let mut half = [[zero; PATCH]; PATCH];
        for y in 0..PATCH {
            let mut d = [zero; PATCH];
            for (x, d) in d.iter_mut().enumerate() {
                *d = V::from_slice(simd, &from[y * stride + x * channels + channel..][..V::LEN]);
            }
            half[y] = input_along::<S, V>(simd, d);
        }
        for x in 0..PATCH {
            let column =
                input_along::<S, V>(simd, [half[0][x], half[1][x], half[2][x], half[3][x], half[4][x], half[5][x]]);
            for (y, v) in column.iter().enumerate() {
                v.store_slice(&mut to[(y * PATCH + x) * step + channel..][..V::LEN]);
            }
        }
        channel += V::LEN;
    }
}

/// `A' m A` for the channels at the start of `from`, in which points are `step` apart: the pixels of a tile.
#[inline(always)]
pub(crate) fn transform_points<S: Simd, V: SimdFloat<S, Element = f32>>(
    simd: S,
    from: &[f32],
    step: usize,
) -> [[V; TILE]; TILE] {
    let zero = V::simd_from(simd, 0.0);
    let mut half = [[zero; TILE]; PATCH];
    for y in 0..PATCH {
        let mut m = [zero; PATCH];
        for (x, m) in m.iter_mut().enumerate() {
            *m = V::from_slice(simd, &from[(y * PATCH + x) * step..][..V::LEN]);
        }
        half[y] = output_along::<S, V>(simd, m);
    }
    let mut pixels = [[zero; TILE]; TILE];
    for x in 0..TILE {
        let column =
            output_along::<S, V>(simd, [half[0][x], half[1][x], half[2][x], half[3][x], half[4][x], half[5][x]]);
        for y in 0..TILE {
            pixels[y][x] = column[y];
        }
    }
    pixels
}

/// One side of `B' d B`.
#[inline(always)]
fn input_along<S: Simd, V: SimdFloat<S, Element = f32>>(simd: S, d: [V; PATCH]) -> [V; PATCH] {
    let c = |v: f32| V::simd_from(simd, v);
    let even = d[2].mul_add(c(-4.0), d[4]);
    let odd = d[1].mul_add(c(-4.0), d[3]);
    let outer = d[4] - d[2];
    let inner = d[3] - d[1];
    [
        d[0].mul_add(c(4.0), d[2].mul_add(c(-5.0), d[4])),
        even + odd,
        even - odd,
        inner.mul_add(c(2.0), outer),
        inner.mul_add(c(-2.0), outer),
        d[1].mul_add(c(4.0), d[3].mul_add(c(-5.0), d[5])),
    ]
}

/// One side of `A' m A`.
#[inline(always)]
fn output_along<S: Simd, V: SimdFloat<S, Element = f32>>(simd: S, m: [V; PATCH]) -> [V; TILE] {
    let c = |v: f32| V::simd_from(simd, v);
    let (near, far) = (m[1] + m[2], m[3] + m[4]);
    let (near_odd, far_odd) = (m[1] - m[2], m[3] - m[4]);
    [
        m[0] + near + far,
        far_odd.mul_add(c(2.0), near_odd),
        far.mul_add(c(4.0), near),
        far_odd.mul_add(c(8.0), near_odd + m[5]),
    ]
}
