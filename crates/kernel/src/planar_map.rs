//! Activations of few channels, in one plane per channel.

use super::buffer::{Buffer, BufferPool};

/// Number of planes of a map between two operators.
pub(crate) const PLANES: usize = 8;
/// Zeros on either side of a line: one for the convolution, the rest so that lines start on a cache line.
pub(crate) const MARGIN: usize = 16;

/// Rows of a ring buffer of rows in progress: those that a convolution reads, plus one, since rows are made in pairs.
pub(crate) const RING_ROWS: usize = 4;

/// One value for each pixel and channel, row by row: `[row][plane][MARGIN + width + MARGIN]`, with zero margins. A
/// *line* is one row of one plane.
#[derive(Clone, Debug)]
pub struct PlanarMap {
    values: Buffer,
    planes: usize,
    width: usize,
}

impl PlanarMap {
    /// The width of a map is a multiple of this.
    pub const WIDTH_MULTIPLE: usize = 16;

    /// A map with zero margins and arbitrary pixels; `width` is a multiple of [`PlanarMap::WIDTH_MULTIPLE`].
    pub(crate) fn new(pool: &BufferPool, rows: usize, planes: usize, width: usize) -> Self {
        debug_assert!(width.is_multiple_of(Self::WIDTH_MULTIPLE));
        let stride = width + 2 * MARGIN;
        let mut values = pool.take(rows * planes * stride);
        for line in values.chunks_exact_mut(stride) {
            line[..MARGIN].fill(0.0);
            line[stride - MARGIN..].fill(0.0);
        }
        Self { values, planes, width }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.row_len()
    }

    /// Pixels of a line.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Number of values, without the margins.
    #[must_use]
    pub fn value_count(&self) -> usize {
        self.rows() * self.planes * self.width
    }

    /// Values of a row: its lines with their margins.
    pub(crate) const fn row_len(&self) -> usize {
        self.planes * (self.width + 2 * MARGIN)
    }

    /// The lines of `row`, one after the other.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.row_len()..][..self.row_len()]
    }

    /// The same, for writing between the margins.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let len = self.row_len();
        &mut self.values[row * len..][..len]
    }

    /// All rows.
    pub(crate) fn rows_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// One value.
    #[cfg(test)]
    pub(crate) fn at(&self, plane: usize, row: usize, pixel: usize) -> f32 {
        self.row(row)[plane * (self.width + 2 * MARGIN) + MARGIN + pixel]
    }
}

/// Appends to `window` the lines that a convolution of row `y` reads: for each plane, those above, at and below.
/// `row(y)` returns the lines of a row inside the frame of `height` rows; `zero` is a line of zeros.
pub(crate) fn push_window<'a>(
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
