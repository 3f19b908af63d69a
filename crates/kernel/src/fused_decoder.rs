//! The last decoder level of a narrow UNet, in one sweep over the image.

use std::sync::Arc;

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    buffer::Buffer,
    conv3x3::Conv3x3,
    feature_map::FeatureMap,
    head::Head,
    parallel::{for_each_parallel, rows_per_strip},
    planar_conv::PlanarConv,
    planar_map::{MARGIN, PLANES, PlanarMap, RING_ROWS, push_window},
    up_conv::UpConv,
};

/// 2 x 2 up-convolution; two 3 x 3 convolutions, of which the first also reads the encoder's map; and the 1 x 1
/// convolution to the scores. Intermediate rows never leave the cache.
#[derive(Clone, Debug)]
pub struct FusedDecoder {
    up: UpConv,
    first: PlanarConv,
    second: PlanarConv,
    /// For each class, a weight for each plane, and the bias.
    head: Vec<([f32; PLANES], f32)>,
    /// Whether the encoder's map comes first in the weights of the first convolution.
    skip_first: bool,
}

/// Rows in progress in a strip.
struct Scratch {
    up: PlanarMap,
    merged: PlanarMap,
    last: PlanarMap,
    zero: Vec<f32>,
    /// A row of the up-convolution, pixel by pixel.
    pixels: Buffer,
}

impl FusedDecoder {
    /// Fuses `up`, `first`, `second` and `head`. `first` reads the encoder's map before that of `up` if `skip_first`,
    /// else after it. `None` unless all have 8 channels.
    #[must_use]
    pub fn fuse(up: &UpConv, first: &Conv3x3, second: &Conv3x3, head: &Head, skip_first: bool) -> Option<Self> {
        let (first, second) = (first.planar()?, second.planar()?);
        let narrow = up.outputs() == PLANES && first.inputs() == 2 * PLANES && second.inputs() == PLANES;
        let head = narrow.then(|| head.planar_weights()).flatten()?;
        Some(Self { up: up.clone(), first, second, head, skip_first })
    }

    /// Number of classes.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.head.len()
    }

    /// Computes the scores, `[outputs][height][width]`, from the encoder's map `skip` and the map of the level below.
    #[must_use]
    pub fn run(&self, level: Level, threads: usize, skip: &PlanarMap, below: &FeatureMap) -> Arc<Buffer> {
        let (height, width) = (skip.rows(), skip.width());
        let pool = below.pool();
        let mut scores = pool.take(self.outputs() * height * width);
        let rows = rows_per_strip(height, threads);
        let mut planes: Vec<_> = scores.chunks_exact_mut(height * width).map(|p| p.chunks_mut(rows * width)).collect();
        let strips: Vec<Vec<&mut [f32]>> =
            (0..height.div_ceil(rows)).map(|_| planes.iter_mut().filter_map(Iterator::next).collect()).collect();
        let scratch = || Scratch {
            up: PlanarMap::new(&pool, RING_ROWS, PLANES, width),
            merged: PlanarMap::new(&pool, RING_ROWS, PLANES, width),
            last: PlanarMap::new(&pool, 1, PLANES, width),
            zero: vec![0.0; width + 2 * MARGIN],
            pixels: pool.take(width * PLANES),
        };
        for_each_parallel(threads, strips.into_iter().enumerate(), scratch, |(strip, mut scores), scratch| {
            dispatch!(level, simd => self.run_strip(simd, (skip, below), strip * rows, scratch, &mut scores));
        });
        Arc::new(scores)
    }

    /// Computes the rows from `start` on, as many as `scores` has of each class.
    #[inline(always)]
    fn run_strip<S: Simd>(
        &self,
        simd: S,
        (skip, below): (&PlanarMap, &FeatureMap),
        start: usize,
        scratch: &mut Scratch,
        scores: &mut [&mut [f32]],
    ) {
        let Scratch { up, merged, last, zero, pixels } = scratch;
        let (height, width) = (skip.rows(), skip.width());
        let rows = scores.first().map_or(0, |plane| plane.len() / width);
        let mut merged_until = start.saturating_sub(1);
        let mut up_until = merged_until.saturating_sub(1);
        for y in start..start + rows {
            while merged_until < (y + 2).min(height) {
                while up_until < (merged_until + 2).min(height) {
                    self.up.row(simd, below.row(up_until / 2), up_until % 2, pixels);
                    to_planar(simd, pixels, up.row_mut(up_until % RING_ROWS));
                    up_until += 1;
                }
                let mut lines = Vec::with_capacity(6 * PLANES);
                let at = (merged_until, height);
                for is_skip in [self.skip_first, !self.skip_first] {
                    if is_skip {
                        push_window(&mut lines, at, zero, |y| skip.row(y));
                    } else {
                        push_window(&mut lines, at, zero, |y| up.row(y % RING_ROWS));
                    }
                }
                self.first.row(simd, &lines, merged.row_mut(merged_until % RING_ROWS));
                merged_until += 1;
            }
            let mut lines = Vec::with_capacity(3 * PLANES);
            push_window(&mut lines, (y, height), zero, |y| merged.row(y % RING_ROWS));
            self.second.row(simd, &lines, last.row_mut(0));
            let at = (y - start) * width;
            self.scores(simd, last.row(0), scores.iter_mut().map(|plane| &mut plane[at..at + width]));
        }
    }

    #[inline(always)]
    fn scores<'a, S: Simd>(&self, simd: S, lines: &[f32], scores: impl Iterator<Item = &'a mut [f32]>) {
        let stride = lines.len() / PLANES;
        let vector = <S::f32s as SimdBase<S>>::LEN;
        for ((weights, bias), scores) in self.head.iter().zip(scores) {
            for (i, scores) in scores.chunks_exact_mut(vector).enumerate() {
                let mut sum = S::f32s::simd_from(simd, *bias);
                for (plane, &weight) in weights.iter().enumerate() {
                    let at = plane * stride + MARGIN + i * vector;
                    let weight = S::f32s::simd_from(simd, weight);
                    sum = S::f32s::from_slice(simd, &lines[at..][..vector]).mul_add(weight, sum);
                }
                sum.store_slice(scores);
            }
        }
    }
}

/// Converts a row of a feature map of [`PLANES`] channels to a planar row.
#[inline(always)]
fn to_planar<S: Simd>(simd: S, pixels: &[f32], lines: &mut [f32]) {
    let stride = lines.len() / PLANES;
    let (groups, _) = pixels.as_chunks::<{ 8 * PLANES }>();
    for (i, group) in groups.iter().enumerate() {
        let mut planes = [f32x8::simd_from(simd, 0.0); PLANES];
        for (vector, pixel) in planes.iter_mut().zip(group.chunks_exact(PLANES)) {
            *vector = f32x8::from_slice(simd, pixel);
        }
        for _ in 0..PLANES.ilog2() {
            let from = planes;
            for i in 0..PLANES / 2 {
                planes[i] = from[2 * i].unzip_low(from[2 * i + 1]);
                planes[i + PLANES / 2] = from[2 * i].unzip_high(from[2 * i + 1]);
            }
        }
        for (plane, values) in planes.into_iter().enumerate() {
            values.store_slice(&mut lines[plane * stride + MARGIN + 8 * i..][..8]);
        }
    }
}
