//! The first encoder level of a narrow UNet, in one sweep over the image.

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    buffer::BufferPool,
    conv3x3::Conv3x3,
    feature_map::FeatureMap,
    parallel::{for_each_parallel, rows_per_strip},
    planar_conv::PlanarConv,
    planar_map::{MARGIN, PLANES, PlanarMap, RING_ROWS, push_window},
    stem::Stem,
    vector::transpose,
};

/// Two 3 x 3 convolutions, from the image to a planar map and, halved by 2 x 2 maxima, to a feature map. Intermediate
/// rows never leave the cache.
#[derive(Clone, Debug)]
pub struct FusedEncoder {
    first: PlanarConv,
    second: PlanarConv,
}

impl FusedEncoder {
    /// Fuses `stem` and the `conv` after it; `None` unless both have 8 channels.
    #[must_use]
    pub fn fuse(stem: &Stem, conv: &Conv3x3) -> Option<Self> {
        let (first, second) = (stem.planar()?, conv.planar()?);
        (first.inputs() == 1 && second.inputs() == PLANES).then_some(Self { first, second })
    }

    /// Channels of its maps.
    pub const OUTPUTS: usize = PLANES;

    /// Computes both maps of `image`, which is `[height][width]`; the height is even and the width a multiple of
    /// [`PlanarMap::WIDTH_MULTIPLE`].
    #[must_use]
    pub fn run(
        &self,
        level: Level,
        threads: usize,
        pool: &BufferPool,
        image: &[f32],
        width: usize,
    ) -> (PlanarMap, FeatureMap) {
        let height = image.len() / width;
        let mut padded = PlanarMap::new(pool, height, 1, width);
        for (y, pixels) in image.chunks_exact(width).enumerate() {
            padded.row_mut(y)[MARGIN..][..width].copy_from_slice(pixels);
        }
        let mut out = PlanarMap::new(pool, height, PLANES, width);
        let mut half = FeatureMap::new(pool, height / 2, width / 2, PLANES);
        let rows = rows_per_strip(height, threads);
        let row_len = out.row_len();
        let half_len = half.stride();
        let strips = out.rows_mut().chunks_mut(rows * row_len).zip(half.rows_mut().chunks_mut(rows / 2 * half_len));
        let scratch = || (PlanarMap::new(pool, RING_ROWS, PLANES, width), vec![0.0; width + 2 * MARGIN]);
        for_each_parallel(threads, strips.enumerate(), scratch, |(strip, (out, half)), (ring, zero)| {
            dispatch!(level, simd => self.run_strip(simd, &padded, ring, zero, strip * rows, out, half));
        });
        (out, half)
    }

    /// Computes the rows from `start` on.
    #[expect(clippy::too_many_arguments, reason = "input, output and scratch memory of a strip")]
    #[inline(always)]
    fn run_strip<S: Simd>(
        &self,
        simd: S,
        image: &PlanarMap,
        ring: &mut PlanarMap,
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
                push_window(&mut lines, (made, height), zero, |y| image.row(y));
                self.first.row(simd, &lines, ring.row_mut(made % RING_ROWS));
                made += 1;
            }
            for (y, out) in (y..).zip(out.chunks_exact_mut(ring.row_len())) {
                let mut lines = Vec::with_capacity(3 * PLANES);
                push_window(&mut lines, (y, height), zero, |y| ring.row(y % RING_ROWS));
                self.second.row(simd, &lines, out);
            }
            pool_pair(simd, out, half);
        }
    }
}

/// Writes the 2 x 2 maxima of two planar rows as one row of a feature map with its margin.
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
        for (pixel, values) in pixels.chunks_exact_mut(PLANES).zip(transpose(planes)) {
            values.store_slice(pixel);
        }
    }
}
