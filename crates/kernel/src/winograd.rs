//! 3 x 3 convolution by Winograd's method.
//!
//! An output tile of 4 x 4 pixels takes 36 multiplications per pair of channels instead of 144: input tiles and weights
//! are transformed, multiplied point by point, and the products transformed back (Lavin and Gray, Fast Algorithms for
//! Convolutional Neural Networks, 2016: F(4 x 4, 3 x 3)). For each point, multiplying all tiles by all weights is a
//! matrix product.

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    lines::LineConv,
    map::FeatureMap,
    memory::{Buffer, Pool},
    product::{Panels, product},
    strips::share,
};

/// Output pixels along a tile's side.
const TILE: usize = 4;
/// Input pixels along a tile's side.
const PATCH: usize = TILE + 2;
/// Points of a transformed tile.
const POINTS: usize = PATCH * PATCH;
/// Bytes of transformed tiles to process at once; they should stay in the second-level cache.
const BLOCK_BYTES: usize = 384 * 1024;
/// With fewer tiles at once, the weights would be loaded too often.
const MIN_BLOCK: usize = 24;
/// Padding between the points' matrices, so that they do not all map to the same cache lines.
const SKEW: usize = 16;

/// 3 x 3 convolution with a margin of one pixel, bias and ReLU.
#[derive(Clone, Debug)]
pub struct Conv3x3 {
    /// For each point, input channels by output channels.
    weights: Vec<Panels>,
    bias: Vec<f32>,
    /// The same for maps in lines, if it has few enough outputs.
    in_lines: Option<LineConv>,
}

impl Conv3x3 {
    /// Whether these numbers of channels are supported.
    pub const fn fit(inputs: usize, outputs: usize) -> bool {
        Panels::fit(inputs) && Panels::fit(outputs)
    }

    /// `weights` is `[outputs][inputs][3][3]`, `bias` has one value per output; [`Conv3x3::fit`] must hold.
    pub fn new(inputs: usize, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let in_lines = LineConv::new(weights, bias);
        let (kernels, _) = weights.as_chunks::<9>();
        let transformed: Vec<[f32; POINTS]> = kernels.iter().map(transform_kernel).collect();
        let weights =
            (0..POINTS).map(|p| Panels::new(inputs, outputs, |i, o| transformed[o * inputs + i][p])).collect();
        Self { weights, bias: bias.to_vec(), in_lines }
    }

    /// The same for maps in lines, if it has as many outputs as these have planes.
    pub(super) fn in_lines(&self) -> Option<LineConv> {
        self.in_lines.clone()
    }

    fn inputs(&self) -> usize {
        self.weights[0].depth()
    }

    /// Channels of its maps.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Convolves the channels of all `sources` in order, which together must match the weights, and halves the result
    /// by 2 x 2 maxima for `pooled`. All maps have the height and width of `out`, `pooled` half of it.
    pub fn run(
        &self,
        level: Level,
        threads: usize,
        sources: &[&FeatureMap],
        out: &mut FeatureMap,
        pooled: Option<&mut FeatureMap>,
    ) {
        debug_assert_eq!(sources.iter().map(|s| s.channels()).sum::<usize>(), self.inputs());
        let across = out.width().div_ceil(TILE);
        let down = out.height().div_ceil(TILE);
        let fit = BLOCK_BYTES / (POINTS * (self.inputs() + self.outputs()) * size_of::<f32>());
        let block = fit.max(MIN_BLOCK);
        let tile_rows = (block / across).min(down.div_ceil(threads)).max(1);
        let work = Work {
            conv: self,
            sources,
            across,
            block: block.min(tile_rows * across),
            height: out.height(),
            width: out.width(),
        };

        let (stride, pool) = (out.stride(), out.pool());
        let strips = out.rows_mut().chunks_mut(TILE * tile_rows * stride).enumerate();
        let scratch = || Scratch::new(&pool, work.block, self.inputs(), self.outputs());
        match pooled {
            None => share(threads, strips.map(|(i, rows)| (i, rows, None)), scratch, |(i, rows, pooled), scratch| {
                let strip = Strip { first: i * tile_rows, rows, pooled };
                dispatch!(level, simd => work.strip(simd, strip, scratch));
            }),
            Some(pooled) => {
                let halves = pooled.stride() * TILE / 2 * tile_rows;
                let strips = strips.zip(pooled.rows_mut().chunks_mut(halves));
                share(threads, strips, scratch, |((i, rows), pooled), scratch| {
                    let strip = Strip { first: i * tile_rows, rows, pooled: Some(pooled) };
                    dispatch!(level, simd => work.strip(simd, strip, scratch));
                });
            }
        }
    }
}

/// `G g G'` for a 3 x 3 kernel `g`.
fn transform_kernel(kernel: &[f32; 9]) -> [f32; POINTS] {
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

/// Shared by all strips of one convolution.
struct Work<'a> {
    conv: &'a Conv3x3,
    sources: &'a [&'a FeatureMap],
    /// Tiles in a row of tiles.
    across: usize,
    /// Tiles to process at once.
    block: usize,
    height: usize,
    width: usize,
}

/// Rows of tiles from `first` on, and the map rows that they fill.
struct Strip<'a> {
    first: usize,
    rows: &'a mut [f32],
    pooled: Option<&'a mut [f32]>,
}

/// Transformed tiles of a block, `[point][tile][channel]`, with padding between the points.
struct Scratch {
    inputs: Buffer,
    outputs: Buffer,
    patch: Buffer,
}

impl Scratch {
    fn new(pool: &Pool, block: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            inputs: pool.take(POINTS * (block * inputs + SKEW)),
            outputs: pool.take(POINTS * (block * outputs + SKEW)),
            patch: pool.take(POINTS * inputs),
        }
    }
}

impl Work<'_> {
    #[inline(always)]
    fn strip<S: Simd>(&self, simd: S, mut strip: Strip, scratch: &mut Scratch) {
        let stride = (self.width + 2) * self.conv.outputs();
        let tile_rows = strip.rows.len().div_ceil(TILE * stride);
        let tiles = tile_rows * self.across;
        let native = <S::f32s as SimdBase<S>>::LEN;
        let (inputs, outputs) = (self.conv.inputs(), self.conv.outputs());
        let mut first = 0;
        while first < tiles {
            let count = self.block.min(tiles - first);
            let in_step = count * inputs + SKEW;
            let out_step = count * outputs + SKEW;
            let mut channel = 0;
            for source in self.sources {
                for tile in 0..count {
                    let (row, column) = ((first + tile) / self.across, (first + tile) % self.across);
                    let to = &mut scratch.inputs[tile * inputs + channel..];
                    let patch = &mut scratch.patch;
                    let at = (TILE * (strip.first + row), TILE * column);
                    if source.channels().is_multiple_of(native) {
                        transform_input::<S, S::f32s>(simd, source, at, patch, to, in_step);
                    } else {
                        transform_input::<S, f32x8<S>>(simd, source, at, patch, to, in_step);
                    }
                }
                channel += source.channels();
            }
            for (point, weights) in self.conv.weights.iter().enumerate() {
                let left = &scratch.inputs[point * in_step..][..count * inputs];
                let out = &mut scratch.outputs[point * out_step..][..count * outputs];
                product(simd, left, weights, None, out, outputs);
            }
            for tile in 0..count {
                let (row, column) = ((first + tile) / self.across, (first + tile) % self.across);
                let from = &scratch.outputs[tile * outputs..];
                let at = (row, column, strip.first);
                if outputs.is_multiple_of(native) {
                    self.transform_output::<S, S::f32s>(simd, from, out_step, at, &mut strip);
                } else {
                    self.transform_output::<S, f32x8<S>>(simd, from, out_step, at, &mut strip);
                }
            }
            first += count;
        }
    }

    /// `A' m A`, bias and ReLU, for the tile in row and column `at` of the strip.
    #[inline(always)]
    fn transform_output<S: Simd, V: SimdFloat<S, Element = f32>>(
        &self,
        simd: S,
        from: &[f32],
        step: usize,
        (row, column, first_row): (usize, usize, usize),
        strip: &mut Strip,
    ) {
        let outputs = self.conv.outputs();
        let stride = (self.width + 2) * outputs;
        let half_stride = (self.width / 2 + 2) * outputs;
        let height = TILE.min(self.height - TILE * (first_row + row));
        let width = TILE.min(self.width - TILE * column);
        let zero = V::simd_from(simd, 0.0);
        let mut channel = 0;
        while channel < outputs {
            let mut half = [[zero; TILE]; PATCH];
            for y in 0..PATCH {
                let mut m = [zero; PATCH];
                for (x, m) in m.iter_mut().enumerate() {
                    *m = V::from_slice(simd, &from[(y * PATCH + x) * step + channel..][..V::LEN]);
                }
                half[y] = output_along::<S, V>(simd, m);
            }
            let bias = V::from_slice(simd, &self.conv.bias[channel..][..V::LEN]);
            let mut pixels = [[zero; TILE]; TILE];
            for x in 0..TILE {
                let column = output_along::<S, V>(
                    simd,
                    [half[0][x], half[1][x], half[2][x], half[3][x], half[4][x], half[5][x]],
                );
                for y in 0..TILE {
                    pixels[y][x] = (column[y] + bias).max(zero);
                }
            }
            let start = TILE * row * stride + (TILE * column + 1) * outputs + channel;
            for (y, line) in pixels.iter().take(height).enumerate() {
                for (x, pixel) in line.iter().take(width).enumerate() {
                    pixel.store_slice(&mut strip.rows[start + y * stride + x * outputs..][..V::LEN]);
                }
            }
            if let Some(pooled) = &mut strip.pooled {
                let start = TILE / 2 * row * half_stride + (TILE / 2 * column + 1) * outputs + channel;
                for y in 0..height / 2 {
                    for x in 0..width / 2 {
                        let above = pixels[2 * y][2 * x].max(pixels[2 * y][2 * x + 1]);
                        let below = pixels[2 * y + 1][2 * x].max(pixels[2 * y + 1][2 * x + 1]);
                        above.max(below).store_slice(&mut pooled[start + y * half_stride + x * outputs..][..V::LEN]);
                    }
                }
            }
            channel += V::LEN;
        }
    }
}

/// `B' d B` for the tile whose first output pixel is `at`; points are `step` apart in `to`.
#[inline(always)]
fn transform_input<S: Simd, V: SimdFloat<S, Element = f32>>(
    simd: S,
    source: &FeatureMap,
    (y, x): (usize, usize),
    patch: &mut [f32],
    to: &mut [f32],
    step: usize,
) {
    let channels = source.channels();
    let stride = source.stride();
    // The map's margin cancels the one pixel by which a tile's input starts earlier.
    let start = y * stride + x * channels;
    let (rows, columns) = (source.height() + 2 - y, source.width() + 2 - x);
    if rows >= PATCH && columns >= PATCH {
        transform_patch::<S, V>(simd, &source.values()[start..], stride, channels, to, step);
    } else {
        let patch = &mut patch[..POINTS * channels];
        patch.fill(0.0);
        let width = columns.min(PATCH) * channels;
        for r in 0..rows.min(PATCH) {
            patch[r * PATCH * channels..][..width].copy_from_slice(&source.values()[start + r * stride..][..width]);
        }
        transform_patch::<S, V>(simd, patch, PATCH * channels, channels, to, step);
    }
}

#[inline(always)]
fn transform_patch<S: Simd, V: SimdFloat<S, Element = f32>>(
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
