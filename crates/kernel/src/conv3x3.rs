//! 3 x 3 convolution of feature maps, by Winograd's method.

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    buffer::{Buffer, BufferPool},
    feature_map::FeatureMap,
    matmul::{PackedWeights, matmul},
    parallel::for_each_parallel,
    planar_conv::PlanarConv,
    vector::{exceeds_eight, fills_widest},
    winograd::{PATCH, POINTS, TILE, transform_kernel, transform_patch, transform_points},
};

/// Bytes of transformed tiles to process at once; they should stay in the second-level cache.
const BLOCK_BYTES: usize = 384 * 1024;
/// With fewer tiles at once, the weights would be loaded too often.
const MIN_BLOCK: usize = 24;
/// Padding between the points' matrices, so that they do not all map to the same cache lines.
const POINT_PADDING: usize = 16;

/// 3 x 3 convolution with a margin of one pixel, bias and ReLU.
#[derive(Clone, Debug)]
pub struct Conv3x3 {
    /// For each point, input channels by output channels.
    weights: Vec<PackedWeights>,
    bias: Vec<f32>,
    /// The same for planar maps, if it has few enough outputs.
    planar: Option<PlanarConv>,
}

impl Conv3x3 {
    /// Whether these numbers of channels are supported.
    #[must_use]
    pub const fn supports(inputs: usize, outputs: usize) -> bool {
        PackedWeights::supports(inputs) && PackedWeights::supports(outputs)
    }

    /// `weights` is `[outputs][inputs][3][3]`, `bias` has one value per output; [`Conv3x3::supports`] must hold.
    pub fn new(inputs: usize, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let planar = PlanarConv::new(weights, bias);
        let (kernels, _) = weights.as_chunks::<9>();
        let transformed: Vec<[f32; POINTS]> = kernels.iter().map(transform_kernel).collect();
        let weights =
            (0..POINTS).map(|p| PackedWeights::new(inputs, outputs, |i, o| transformed[o * inputs + i][p])).collect();
        Self { weights, bias: bias.to_vec(), planar }
    }

    /// The same convolution for planar maps; `None` unless it has as many outputs as these have planes.
    pub(crate) fn planar(&self) -> Option<PlanarConv> {
        self.planar.clone()
    }

    fn inputs(&self) -> usize {
        self.weights[0].depth()
    }

    /// Channels of its maps.
    #[must_use]
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
        let fitting = BLOCK_BYTES / (POINTS * (self.inputs() + self.outputs()) * size_of::<f32>());
        let block = fitting.max(MIN_BLOCK);
        let tile_rows = (block / across).min(down.div_ceil(threads)).max(1);
        let convolution = Convolution {
            conv: self,
            sources,
            across,
            block: block.min(tile_rows * across),
            height: out.height(),
            width: out.width(),
        };

        let (stride, pool) = (out.stride(), out.pool());
        let mut pooled = pooled.map(|pooled| {
            let half_rows = TILE / 2 * tile_rows * pooled.stride();
            pooled.rows_mut().chunks_mut(half_rows)
        });
        let strips = out.rows_mut().chunks_mut(TILE * tile_rows * stride).enumerate().map(|(i, rows)| Strip {
            first: i * tile_rows,
            rows,
            pooled: pooled.as_mut().and_then(Iterator::next),
        });
        let scratch = || Scratch::new(&pool, convolution.block, self.inputs(), self.outputs());
        for_each_parallel(threads, strips, scratch, |strip, scratch| {
            dispatch!(level, simd => convolution.run_strip(simd, strip, scratch));
        });
    }
}

/// What all strips of one run share.
struct Convolution<'a> {
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
    fn new(pool: &BufferPool, block: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            inputs: pool.take(POINTS * (block * inputs + POINT_PADDING)),
            outputs: pool.take(POINTS * (block * outputs + POINT_PADDING)),
            patch: pool.take(POINTS * inputs),
        }
    }
}

impl Convolution<'_> {
    #[inline(always)]
    fn run_strip<S: Simd>(&self, simd: S, mut strip: Strip, scratch: &mut Scratch) {
        let stride = (self.width + 2) * self.conv.outputs();
        let tile_rows = strip.rows.len().div_ceil(TILE * stride);
        let tiles = tile_rows * self.across;
        let (inputs, outputs) = (self.conv.inputs(), self.conv.outputs());
        let mut first = 0;
        while first < tiles {
            let count = self.block.min(tiles - first);
            let in_step = count * inputs + POINT_PADDING;
            let out_step = count * outputs + POINT_PADDING;
            let mut channel = 0;
            for source in self.sources {
                for tile in 0..count {
                    let (row, column) = ((first + tile) / self.across, (first + tile) % self.across);
                    let to = &mut scratch.inputs[tile * inputs + channel..];
                    let patch = &mut scratch.patch;
                    let at = (TILE * (strip.first + row), TILE * column);
                    if fills_widest::<S>(source.channels()) {
                        transform_input::<S, S::f32s>(simd, source, at, patch, to, in_step);
                    } else if const { exceeds_eight::<S>() } {
                        transform_input::<S, f32x8<S>>(simd, source, at, patch, to, in_step);
                    }
                }
                channel += source.channels();
            }
            for (point, weights) in self.conv.weights.iter().enumerate() {
                let left = &scratch.inputs[point * in_step..][..count * inputs];
                let out = &mut scratch.outputs[point * out_step..][..count * outputs];
                matmul(simd, left, weights, None, out, outputs);
            }
            for tile in 0..count {
                let (row, column) = ((first + tile) / self.across, (first + tile) % self.across);
                let from = &scratch.outputs[tile * outputs..];
                let at = (row, column, strip.first);
                if fills_widest::<S>(outputs) {
                    self.store_tile::<S, S::f32s>(simd, from, out_step, at, &mut strip);
                } else if const { exceeds_eight::<S>() } {
                    self.store_tile::<S, f32x8<S>>(simd, from, out_step, at, &mut strip);
                }
            }
            first += count;
        }
    }

    /// Transforms the tile in row and column `at` of the strip back, adds bias, applies ReLU and stores the pixels.
    #[inline(always)]
    fn store_tile<S: Simd, V: SimdFloat<S, Element = f32>>(
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
            let bias = V::from_slice(simd, &self.conv.bias[channel..][..V::LEN]);
            let mut pixels = transform_points::<S, V>(simd, &from[channel..], step);
            for pixel in pixels.iter_mut().flatten() {
                *pixel = (*pixel + bias).max(zero);
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

/// Transforms the input of the tile whose first output pixel is `at`; points are `step` apart in `to`. `patch` is
/// memory for tiles that reach beyond the map.
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
    let (from, stride) = if rows >= PATCH && columns >= PATCH {
        (&source.values()[start..], stride)
    } else {
        let patch = &mut patch[..POINTS * channels];
        patch.fill(0.0);
        let width = columns.min(PATCH) * channels;
        for r in 0..rows.min(PATCH) {
            patch[r * PATCH * channels..][..width].copy_from_slice(&source.values()[start + r * stride..][..width]);
        }
        (&*patch, PATCH * channels)
    };
    transform_patch::<S, V>(simd, from, stride, channels, to, step);
}
