//! Maps of few channels, stored plane by plane and row by row: the channels would not fill a vector, but neighbouring
//! pixels do.

use fearless_simd::{Simd, prelude::*};

use super::memory::{Buffer, Pool};

/// Channels of a map in lines.
pub(super) const PLANES: usize = 8;
/// Zeros on either side of a line: one for the convolution, the rest so that lines start on a cache line.
pub(super) const MARGIN: usize = 16;
/// Widths are multiples of this.
pub const STEP: usize = 16;

/// Rows of lines, `[row][plane][MARGIN + width + MARGIN]`, with zero margins.
#[derive(Clone, Debug)]
pub struct Lines {
    values: Buffer,
    planes: usize,
    width: usize,
}

impl Lines {
    /// Lines of `width` pixels with arbitrary content; `width` is a multiple of [`STEP`].
    pub(super) fn new(pool: &Pool, rows: usize, planes: usize, width: usize) -> Self {
        debug_assert!(width.is_multiple_of(STEP));
        let stride = width + 2 * MARGIN;
        let mut values = pool.take(rows * planes * stride);
        for line in values.chunks_exact_mut(stride) {
            line[..MARGIN].fill(0.0);
            line[stride - MARGIN..].fill(0.0);
        }
        Self { values, planes, width }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.values.len() / self.row_len()
    }

    /// Pixels of a line.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Number of values without the margins.
    pub fn pixels(&self) -> usize {
        self.rows() * self.planes * self.width
    }

    /// Values of a row: its lines with their margins.
    pub(super) const fn row_len(&self) -> usize {
        self.planes * (self.width + 2 * MARGIN)
    }

    /// The lines of `row`, one after the other.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.row_len()..][..self.row_len()]
    }

    /// The same, for writing between the margins.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let len = self.row_len();
        &mut self.values[row * len..][..len]
    }

    /// All rows.
    pub(super) fn rows_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// One value.
    #[cfg(test)]
    pub(super) fn at(&self, plane: usize, row: usize, pixel: usize) -> f32 {
        self.row(row)[plane * (self.width + 2 * MARGIN) + MARGIN + pixel]
    }
}

/// The lines that a convolution of row `y` reads: for each plane, those above, at and below. `row(y)` returns the lines
/// of a row inside the frame of `height` rows; `zero` is a line of zeros.
pub(super) fn window<'a>(
    window: &mut Vec<&'a [f32]>,
    (y, height): (usize, usize),
    zero: &'a [f32],
    row: impl Fn(usize) -> &'a [f32],
) {
    let rows = [y.checked_sub(1), Some(y), Some(y + 1)];
    let rows = rows.map(|y| y.filter(|&y| y < height).map(&row));
    let planes = rows.iter().flatten().map(|row| row.len() / zero.len()).max().unwrap_or(0);
    for plane in 0..planes {
        window.extend(rows.map(|row| row.map_or(zero, |row| &row[plane * zero.len()..][..zero.len()])));
    }
}

/// 3 x 3 convolution with bias and ReLU, from any number of planes to [`PLANES`], computed directly: with so few
/// channels, memory is the limit, and Winograd's method needs more of it.
#[derive(Clone, Debug)]
pub(super) struct LineConv {
    /// For each line of the window and each tap along it, a weight for each output.
    weights: Vec<[[f32; PLANES]; 3]>,
    bias: [f32; PLANES],
}

impl LineConv {
    /// `weights` is `[PLANES][inputs][3][3]`, `bias` has one value per output; `None` unless there are [`PLANES`]
    /// outputs.
    pub(super) fn new(weights: &[f32], bias: &[f32]) -> Option<Self> {
        let bias = <[f32; PLANES]>::try_from(bias).ok()?;
        let inputs = weights.len() / (PLANES * 9);
        let tap = |line: usize, dx: usize| std::array::from_fn(|o| weights[(o * inputs * 3 + line) * 3 + dx]);
        let weights = (0..inputs * 3).map(|line| [0, 1, 2].map(|dx| tap(line, dx))).collect();
        Some(Self { weights, bias })
    }

    /// Number of planes that it reads.
    pub(super) fn inputs(&self) -> usize {
        self.weights.len() / 3
    }

    /// Computes the lines `out` from the window.
    #[inline(always)]
    pub(super) fn row<S: Simd>(&self, simd: S, window: &[&[f32]], out: &mut [f32]) {
        debug_assert_eq!(window.len(), self.weights.len());
        let vector = <S::f32s as SimdBase<S>>::LEN;
        let width = out.len() / PLANES - 2 * MARGIN;
        // As many sums as fit into registers: 32, or 16 with vectors of 8.
        let at_once = if vector == 8 { 1 } else { 2 };
        let mut x = 0;
        while x + at_once * vector <= width {
            if at_once == 2 {
                self.pixels::<S, 2>(simd, window, x, out);
            } else {
                self.pixels::<S, 1>(simd, window, x, out);
            }
            x += at_once * vector;
        }
        if x < width {
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

/// Transposes `N` vectors of `N` values: first values, then second values, and so on. Longer vectors return all values
/// in this order.
#[inline(always)]
pub(super) fn transposed<S: Simd, V: SimdFloat<S, Element = f32>, const N: usize>(mut rows: [V; N]) -> [V; N] {
    // Each round interleaves a row with the one half the number of rows further down.
    for _ in 0..N.ilog2() {
        let from = rows;
        for i in 0..N / 2 {
            rows[2 * i] = from[i].zip_low(from[i + N / 2]);
            rows[2 * i + 1] = from[i].zip_high(from[i + N / 2]);
        }
    }
    rows
}
