//! Matrix products: rows of pixels times weights.

use fearless_simd::{Simd, f32x8, f32x16, prelude::*};

use super::buffer::Buffer;

/// The right-hand matrix, `depth` rows by `columns`, cut into consecutive panels of 16 columns (8 where 16 do not fit),
/// so that a product reads it from front to back.
#[derive(Clone, Debug)]
pub(crate) struct PackedWeights {
    depth: usize,
    columns: usize,
    values: Buffer,
}

/// Columns of a panel if the matrix has a multiple of them.
const WIDE: usize = 16;
/// Columns of a panel otherwise.
const NARROW: usize = 8;

impl PackedWeights {
    /// Whether a matrix with this many columns can be cut.
    pub(crate) const fn supports(columns: usize) -> bool {
        columns > 0 && columns.is_multiple_of(NARROW)
    }

    /// The matrix with `element(k, n)` in row `k` and column `n`; [`PackedWeights::supports`] must hold for `columns`.
    pub(crate) fn new(depth: usize, columns: usize, element: impl Fn(usize, usize) -> f32) -> Self {
        debug_assert!(Self::supports(columns));
        let width = panel_width(columns);
        let mut values = Vec::with_capacity(depth * columns);
        for first in (0..columns).step_by(width) {
            for k in 0..depth {
                values.extend((first..first + width).map(|n| element(k, n)));
            }
        }
        Self { depth, columns, values: Buffer::aligned(&values) }
    }

    /// The element in row `k` and column `n`.
    pub(crate) fn at(&self, k: usize, n: usize) -> f32 {
        let width = panel_width(self.columns);
        self.values[(n / width * self.depth + k) * width + n % width]
    }

    /// Number of rows.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }
}

/// Columns of a panel of a matrix with this many columns.
const fn panel_width(columns: usize) -> usize {
    if columns.is_multiple_of(WIDE) { WIDE } else { NARROW }
}

/// Multiplies two matrices. Rows of the left-hand matrix are contiguous; rows of the output are `stride` apart.
///
/// `out[r * stride + n] = bias[n] + sum over k of left[r * depth + k] * right[k][n]`; without `bias`, the sum alone.
pub(crate) fn matmul<S: Simd>(
    simd: S,
    left: &[f32],
    right: &PackedWeights,
    bias: Option<&[f32]>,
    out: &mut [f32],
    stride: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || matmul_inline(simd, left, right, bias, out, stride),
    );
}

#[inline(always)]
fn matmul_inline<S: Simd>(
    simd: S,
    left: &[f32],
    right: &PackedWeights,
    bias: Option<&[f32]>,
    out: &mut [f32],
    stride: usize,
) {
    // Registers limit how many rows are summed at once: 32 of 16 floats, or 16 of 8 floats.
    if !right.columns.is_multiple_of(WIDE) {
        multiply_panels::<S, f32x8<S>, NARROW, 12, 1>(simd, left, right, bias, out, stride);
    } else if const { <S::f32s as SimdBase<S>>::LEN < WIDE } {
        multiply_panels::<S, f32x16<S>, WIDE, 6, 1>(simd, left, right, bias, out, stride);
    } else if right.columns.is_multiple_of(2 * WIDE) {
        multiply_panels::<S, f32x16<S>, WIDE, 12, 2>(simd, left, right, bias, out, stride);
    } else {
        multiply_panels::<S, f32x16<S>, WIDE, 14, 1>(simd, left, right, bias, out, stride);
    }
}

/// Multiplies all rows by all panels, in tiles of `ROWS` rows by `PANELS` panels.
#[inline(always)]
fn multiply_panels<
    S: Simd,
    V: SimdFloat<S, Element = f32, Array = [f32; W]>,
    const W: usize,
    const ROWS: usize,
    const PANELS: usize,
>(
    simd: S,
    left: &[f32],
    right: &PackedWeights,
    bias: Option<&[f32]>,
    out: &mut [f32],
    stride: usize,
) {
    let depth = right.depth;
    let rows = left.len() / depth;
    for (group, panels) in right.values.chunks_exact(depth * W * PANELS).enumerate() {
        let column = group * W * PANELS;
        let mut start = [V::simd_from(simd, 0.0); PANELS];
        if let Some(bias) = bias {
            for (j, s) in start.iter_mut().enumerate() {
                *s = V::from_slice(simd, &bias[column + j * W..][..W]);
            }
        }
        let (panels, _) = panels.as_chunks::<W>();
        let mut first = 0;
        while first + ROWS <= rows {
            let (left, out) = (&left[first * depth..], &mut out[first * stride + column..]);
            multiply_tile::<S, V, W, ROWS, PANELS>(simd, left, panels, start, out, stride);
            first += ROWS;
        }
        while first + 4 <= rows {
            let (left, out) = (&left[first * depth..], &mut out[first * stride + column..]);
            multiply_tile::<S, V, W, 4, PANELS>(simd, left, panels, start, out, stride);
            first += 4;
        }
        while first < rows {
            let (left, out) = (&left[first * depth..], &mut out[first * stride + column..]);
            multiply_tile::<S, V, W, 1, PANELS>(simd, left, panels, start, out, stride);
            first += 1;
        }
    }
}

/// Multiplies `ROWS` rows by `PANELS` panels: as many sums as fit into registers, so that each weight is loaded once
/// for all rows.
#[inline(always)]
fn multiply_tile<
    S: Simd,
    V: SimdFloat<S, Element = f32, Array = [f32; W]>,
    const W: usize,
    const ROWS: usize,
    const PANELS: usize,
>(
    simd: S,
    left: &[f32],
    panels: &[[f32; W]],
    start: [V; PANELS],
    out: &mut [f32],
    stride: usize,
) {
    let depth = panels.len() / PANELS;
    let mut rows = [&left[..0]; ROWS];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = &left[r * depth..][..depth];
    }
    let mut columns = [&panels[..0]; PANELS];
    for (j, column) in columns.iter_mut().enumerate() {
        *column = &panels[j * depth..][..depth];
    }
    let mut sums = [start; ROWS];
    for k in 0..depth {
        let mut weights = start;
        for j in 0..PANELS {
            weights[j] = V::load_array_ref(simd, &columns[j][k]);
        }
        for r in 0..ROWS {
            let value = V::simd_from(simd, rows[r][k]);
            for j in 0..PANELS {
                sums[r][j] = value.mul_add(weights[j], sums[r][j]);
            }
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        let row = &mut out[r * stride..][..W * PANELS];
        for (j, s) in sum.iter().enumerate() {
            s.store_slice(&mut row[j * W..][..W]);
        }
    }
}
