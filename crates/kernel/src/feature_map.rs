//! Activations of many channels, channels last.

use super::buffer::{Buffer, BufferPool};

/// One value for each pixel and channel: `[height + 2][width + 2][channels]`, with a margin of zeros one pixel wide.
#[derive(Clone, Debug)]
pub struct FeatureMap {
    height: usize,
    width: usize,
    channels: usize,
    values: Buffer,
    pool: BufferPool,
}

impl FeatureMap {
    /// A map with a zero margin and arbitrary pixels.
    #[must_use]
    pub fn new(pool: &BufferPool, height: usize, width: usize, channels: usize) -> Self {
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
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Pixels of a row, without the margin.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Number of values per pixel.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// The pool that the map's memory comes from.
    pub(crate) fn pool(&self) -> BufferPool {
        self.pool.clone()
    }

    /// Values of a row, including its two margin pixels.
    pub(crate) const fn stride(&self) -> usize {
        (self.width + 2) * self.channels
    }

    /// All values, including the margin.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The pixels of row `y`, `width * channels` values.
    pub(crate) fn row(&self, y: usize) -> &[f32] {
        let start = (y + 1) * self.stride() + self.channels();
        &self.values[start..][..self.width() * self.channels()]
    }

    /// The rows from the first pixel row on, each with its margin pixels, which callers must not change.
    pub(crate) fn rows_mut(&mut self) -> &mut [f32] {
        let stride = self.stride();
        let end = stride * (self.height() + 1);
        &mut self.values[stride..end]
    }
}
