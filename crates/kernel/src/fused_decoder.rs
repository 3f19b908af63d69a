//! First level of a narrow network on the way up, in one sweep over the image.

use std::sync::Arc;

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    fused_encoder::RING,
    head::Head,
    lines::{LineConv, Lines, MARGIN, PLANES, window},
    map::FeatureMap,
    memory::Buffer,
    strips::{rows_for, share},
    upconv::UpConv,
    winograd::Conv3x3,
};

/// 2 x 2 up-convolution; two 3 x 3 convolutions, of which the first also reads the map from the way down; and the 1 x 1
/// convolution to the scores. Intermediate rows never leave the cache.
#[derive(Clone, Debug)]
pub struct FusedDecoder {
    up: UpConv,
    first: LineConv,
    second: LineConv,
    /// For each class, a weight for each plane, and the bias.
    head: Vec<([f32; PLANES], f32)>,
    /// Whether the map from the way down comes first in the weights of the first convolution.
    skip_first: bool,
}

/// Rows in progress in a strip.
struct Scratch {
    up: Lines,
    merged: Lines,
    last: Lines,
    zero: Vec<f32>,
    /// A row of the up-convolution, pixel by pixel.
    pixels: Buffer,
}

impl FusedDecoder {
    /// `up`; `first`, which reads the map from the way down before or after that of `up`; `second`; then `head`. `None`
    /// unless these have [`PLANES`] channels.
    pub fn of(up: &UpConv, first: &Conv3x3, second: &Conv3x3, head: &Head, skip_first: bool) -> Option<Self> {
        let (first, second) = (first.in_lines()?, second.in_lines()?);
        let fit = up.outputs() == PLANES && first.inputs() == 2 * PLANES && second.inputs() == PLANES;
        let head = fit.then(|| head.lines()).flatten()?;
        Some(Self { up: up.clone(), first, second, head, skip_first })
    }

    /// Number of classes.
    pub fn outputs(&self) -> usize {
        self.head.len()
    }

    /// Scores, `[outputs][height][width]`, from the map of the way down and the map of the level below.
    pub fn run(&self, level: Level, threads: usize, skip: &Lines, below: &FeatureMap) -> Arc<Buffer> {
        let (height, width) = (skip.rows(), skip.width());
        let pool = below.pool();
        let mut scores = pool.take(self.outputs() * height * width);
        let rows = rows_for(height, threads);
        let mut planes: Vec<_> = scores.chunks_exact_mut(height * width).map(|p| p.chunks_mut(rows * width)).collect();
        let strips: Vec<Vec<&mut [f32]>> =
            (0..height.div_ceil(rows)).map(|_| planes.iter_mut().filter_map(Iterator::next).collect()).collect();
        let scratch = || Scratch {
            up: Lines::new(&pool, RING, PLANES, width),
            merged: Lines::new(&pool, RING, PLANES, width),
            last: Lines::new(&pool, 1, PLANES, width),
            zero: vec![0.0; width + 2 * MARGIN],
            pixels: pool.take(width * PLANES),
        };
        share(threads, strips.into_iter().enumerate(), scratch, |(strip, mut scores), scratch| {
            dispatch!(level, simd => self.strip(simd, (skip, below), strip * rows, scratch, &mut scores));
        });
        Arc::new(scores)
    }

    /// Computes the rows from `start` on, as many as `scores` has of each class.
    #[inline(always)]
    fn strip<S: Simd>(
        &self,
        simd: S,
        (skip, below): (&Lines, &FeatureMap),
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
                    to_lines(simd, pixels, up.row_mut(up_until % RING));
                    up_until += 1;
                }
                let mut lines = Vec::with_capacity(6 * PLANES);
                let at = (merged_until, height);
                for of_skip in [self.skip_first, !self.skip_first] {
                    if of_skip {
                        window(&mut lines, at, zero, |y| skip.row(y));
                    } else {
                        window(&mut lines, at, zero, |y| up.row(y % RING));
                    }
                }
                self.first.row(simd, &lines, merged.row_mut(merged_until % RING));
                merged_until += 1;
            }
            let mut lines = Vec::with_capacity(3 * PLANES);
            window(&mut lines, (y, height), zero, |y| merged.row(y % RING));
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

/// Pixels of [`PLANES`] channels as lines.
#[inline(always)]
fn to_lines<S: Simd>(simd: S, pixels: &[f32], lines: &mut [f32]) {
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
