//! Activations between two operators.

use super::memory::{Buffer, Pool};

/// One value for each pixel and channel: `[height + 2][width + 2][channels]`, where the outermost pixels are a margin of
/// zeros.
#[derive(Clone, Debug)]
pub struct FeatureMap {
    height: usize,
    width: usize,
    channels: usize,
    values: Buffer,
    pool: Pool,
}

impl FeatureMap {
    /// A map whose margin is zero and whose pixels hold anything.
    pub fn new(pool: &Pool, height: usize, width: usize, channels: usize) -> Self {
        let stride = (width + 2) * channels;
        let mut values = pool.take((height + 2) * stride);
        values[..stride].fill(0.0);
        for line in values.chunks_exact_mut(stride) {
            line[..channels].fill(0.0);
            line[stride - channels..].fill(0.0);
        }
        values[(height + 1) * stride..].fill(0.0);
        Self { height, width, channels, values, pool: pool.clone() }
    }

    /// Rows of pixels, without the margin.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Pixels of a row, without the margin.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Values of a pixel.
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Where the map's memory is from.
    pub(super) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Values of a row, its two margin pixels included.
    pub(super) const fn stride(&self) -> usize {
        (self.width + 2) * self.channels
    }

    /// All values, the margin included.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The pixels of row `y`, `width * channels` values.
    pub(super) fn row(&self, y: usize) -> &[f32] {
        let start = (y + 1) * self.stride() + self.channels();
        &self.values[start..][..self.width() * self.channels()]
    }

    /// The rows from the first pixel row on, each with its margin pixels; callers leave these alone.
    pub(super) fn rows_mut(&mut self) -> &mut [f32] {
        let stride = self.stride();
        let end = stride * (self.height() + 1);
        &mut self.values[stride..end]
    }
}
