//! 3 x 3 convolution of planar maps.

use fearless_simd::{Simd, prelude::*};

use super::planar_map::{MARGIN, PLANES};

/// 3 x 3 convolution with bias and ReLU, from any number of planes to [`PLANES`], computed directly: with so few
/// channels, memory is the limit, and Winograd's method needs more of it.
#[derive(Clone, Debug)]
pub(crate) struct PlanarConv {
    /// For each line of the window and each tap along it, a weight for each output.
    weights: Vec<[[f32; PLANES]; 3]>,
    bias: [f32; PLANES],
}

/// Vectors of `len` pixels that are computed at once: as many sums as fit into registers, 32 with AVX-512 and 16 with
/// AVX2.
const fn vectors_at_once(len: usize) -> usize {
    if len == 8 { 1 } else { 2 }
}

impl PlanarConv {
    /// `weights` is `[PLANES][inputs][3][3]`, `bias` has one value per output; `None` unless there are [`PLANES`]
    /// outputs.
    pub(crate) fn new(weights: &[f32], bias: &[f32]) -> Option<Self> {
        let bias = <[f32; PLANES]>::try_from(bias).ok()?;
        let inputs = weights.len() / (PLANES * 9);
        let tap = |line: usize, dx: usize| std::array::from_fn(|o| weights[(o * inputs * 3 + line) * 3 + dx]);
        let weights = (0..inputs * 3).map(|line| [0, 1, 2].map(|dx| tap(line, dx))).collect();
        Some(Self { weights, bias })
    }

    /// Number of planes that it reads.
    pub(crate) fn inputs(&self) -> usize {
        self.weights.len() / 3
    }

    /// Computes the lines `out` from the window.
    pub(crate) fn row<S: Simd>(&self, simd: S, window: &[&[f32]], out: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || self.row_inline(simd, window, out),
        );
    }

    #[inline(always)]
    fn row_inline<S: Simd>(&self, simd: S, window: &[&[f32]], out: &mut [f32]) {
        debug_assert_eq!(window.len(), self.weights.len());
        let vector = <S::f32s as SimdBase<S>>::LEN;
        let width = out.len() / PLANES - 2 * MARGIN;
        let step = vector * const { vectors_at_once(<S::f32s as SimdBase<S>>::LEN) };
        let mut x = 0;
        while x + step <= width {
            if const { vectors_at_once(<S::f32s as SimdBase<S>>::LEN) == 2 } {
                self.pixels::<S, 2>(simd, window, x, out);
            } else {
                self.pixels::<S, 1>(simd, window, x, out);
            }
            x += step;
        }
        // Widths are multiples of 16, so only vectors of 16 pixels leave one over.
        if const { <S::f32s as SimdBase<S>>::LEN >= 16 } && x < width {
            self.pixels::<S, 1>(simd, window, x, out);
        }
    }

    /// Computes `VECTORS` vectors of pixels from `x` on, in all planes.
    #[inline(always)]
    fn pixels<S: Simd, const VECTORS: usize>(&self, simd: S, window: &[&[f32]], x: usize, out: &mut [f32]) {
        let vector = <S::f32s as SimdBase<S>>::LEN;
        // Loops instead of `map`: a closure would be compiled on its own, without the caller's vector instructions.
        let mut sums = [[S::f32s::simd_from(simd, 0.0); VECTORS]; PLANES];
        for (sums, &bias) in sums.iter_mut().zip(&self.bias) {
            *sums = [S::f32s::simd_from(simd, bias); VECTORS];
        }
        for (line, taps) in window.iter().zip(&self.weights) {
            let line = &line[MARGIN - 1 + x..][..VECTORS * vector + 2];
            for (dx, weights) in taps.iter().enumerate() {
                let mut pixels = [S::f32s::simd_from(simd, 0.0); VECTORS];
                for (v, pixels) in pixels.iter_mut().enumerate() {
                    *pixels = S::f32s::from_slice(simd, &line[dx + v * vector..][..vector]);
                }
                for o in 0..PLANES {
                    let weight = S::f32s::simd_from(simd, weights[o]);
                    for v in 0..VECTORS {
                        sums[o][v] = pixels[v].mul_add(weight, sums[o][v]);
                    }
                }
            }
        }
        let zero = S::f32s::simd_from(simd, 0.0);
        for (line, sums) in out.chunks_exact_mut(out.len() / PLANES).zip(&sums) {
            for (v, sum) in sums.iter().enumerate() {
                sum.max(zero).store_slice(&mut line[MARGIN + x + v * vector..][..vector]);
            }
        }
    }
}
