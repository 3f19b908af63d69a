//! First level of a narrow network on the way down, in one sweep over the image.

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    lines::{LineConv, Lines, MARGIN, PLANES, transposed, window},
    map::FeatureMap,
    memory::Pool,
    stem::Stem,
    strips::{rows_for, share},
    winograd::Conv3x3,
};

/// Two 3 x 3 convolutions, from the image's plane to a map in lines and, halved by 2 x 2 maxima, to a map of pixels.
/// Intermediate rows never leave the cache.
#[derive(Clone, Debug)]
pub struct FusedEncoder {
    first: LineConv,
    second: LineConv,
}

/// Rows of a ring: those that a convolution reads, plus one, since rows are made in pairs.
pub(super) const RING: usize = 4;

impl FusedEncoder {
    /// `stem`, then `conv`; `None` unless these have [`PLANES`] channels.
    pub fn of(stem: &Stem, conv: &Conv3x3) -> Option<Self> {
        let (first, second) = (stem.in_lines()?, conv.in_lines()?);
        (first.inputs() == 1 && second.inputs() == PLANES).then_some(Self { first, second })
    }

    /// Channels of its maps.
    pub const OUTPUTS: usize = PLANES;

    /// `image` is `[height][width]`, where the height is even and the width a multiple of [`super::STEP`].
    pub fn run(&self, level: Level, threads: usize, pool: &Pool, image: &[f32], width: usize) -> (Lines, FeatureMap) {
        let height = image.len() / width;
        let mut padded = Lines::new(pool, height, 1, width);
        for (y, pixels) in image.chunks_exact(width).enumerate() {
            padded.row_mut(y)[MARGIN..][..width].copy_from_slice(pixels);
        }
        let mut out = Lines::new(pool, height, PLANES, width);
        let mut half = FeatureMap::new(pool, height / 2, width / 2, PLANES);
        let rows = rows_for(height, threads);
        let row_len = out.row_len();
        let half_len = half.stride();
        let strips = out.rows_mut().chunks_mut(rows * row_len).zip(half.rows_mut().chunks_mut(rows / 2 * half_len));
        let scratch = || (Lines::new(pool, RING, PLANES, width), vec![0.0; width + 2 * MARGIN]);
        share(threads, strips.enumerate(), scratch, |(strip, (out, half)), (ring, zero)| {
            dispatch!(level, simd => self.strip(simd, &padded, ring, zero, strip * rows, out, half));
        });
        (out, half)
    }

    /// Computes the rows from `start` on.
    #[expect(clippy::too_many_arguments, reason = "what a strip reads, what it writes, and what it works with")]
    #[inline(always)]
    fn strip<S: Simd>(
        &self,
        simd: S,
        image: &Lines,
        ring: &mut Lines,
        zero: &[f32],
        start: usize,
        out: &mut [f32],
        half: &mut [f32],
    ) {
        let height = image.rows();
        let half_len = half.len() / (out.len() / ring.row_len() / 2);
        let mut made = start.saturating_sub(1);
        let pairs = out.chunks_exact_mut(2 * ring.row_len()).zip(half.chunks_exact_mut(half_len));
        for (pair, (out, half)) in pairs.enumerate() {
            let y = start + 2 * pair;
            while made < (y + 3).min(height) {
                let mut lines = Vec::with_capacity(3);
                window(&mut lines, (made, height), zero, |y| image.row(y));
                self.first.row(simd, &lines, ring.row_mut(made % RING));
                made += 1;
            }
            for (y, out) in (y..).zip(out.chunks_exact_mut(ring.row_len())) {
                let mut lines = Vec::with_capacity(3 * PLANES);
                window(&mut lines, (y, height), zero, |y| ring.row(y % RING));
                self.second.row(simd, &lines, out);
            }
            pool_pair(simd, out, half);
        }
    }
}

/// 2 x 2 maxima of two rows of lines, as one row of pixels with its margin.
#[inline(always)]
fn pool_pair<S: Simd>(simd: S, pair: &[f32], half: &mut [f32]) {
    let (upper, lower) = pair.split_at(pair.len() / 2);
    let stride = upper.len() / PLANES;
    let (pixels, _) = half[PLANES..].as_chunks_mut::<{ 8 * PLANES }>();
    for (i, pixels) in pixels.iter_mut().enumerate() {
        let mut planes = [f32x8::simd_from(simd, 0.0); PLANES];
        for (plane, maxima) in planes.iter_mut().enumerate() {
            let at = plane * stride + MARGIN + 16 * i;
            let left = f32x8::from_slice(simd, &upper[at..][..8]).max(f32x8::from_slice(simd, &lower[at..][..8]));
            let at = at + 8;
            let right = f32x8::from_slice(simd, &upper[at..][..8]).max(f32x8::from_slice(simd, &lower[at..][..8]));
            *maxima = left.unzip_low(right).max(left.unzip_high(right));
        }
        for (pixel, values) in pixels.chunks_exact_mut(PLANES).zip(transposed(planes)) {
            values.store_slice(pixel);
        }
    }
}
