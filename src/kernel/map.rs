//! Activations between two operators, and the memory that they take.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Memory of feature maps that are no longer needed, by shape; clones share it.
///
/// A map of the first level has some 26 MB: asked from the system for every operator, its pages alone would cost a tenth of
/// the network's time.
#[derive(Clone, Debug, Default)]
pub(crate) struct MapPool(Arc<Mutex<HashMap<Shape, Vec<Vec<f32>>>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    height: usize,
    width: usize,
    channels: usize,
}

impl Shape {
    const fn len(self) -> usize {
        (self.height + 2) * (self.width + 2) * self.channels
    }
}

/// One value for each pixel and channel: `[height + 2][width + 2][channels]`, where the outermost pixels are a margin of
/// zeros.
#[derive(Debug)]
pub(crate) struct FeatureMap {
    shape: Shape,
    values: Vec<f32>,
    pool: MapPool,
}

impl FeatureMap {
    /// A map whose margin is zero and whose pixels hold anything.
    pub(crate) fn new(pool: &MapPool, height: usize, width: usize, channels: usize) -> Self {
        let shape = Shape { height, width, channels };
        let recycled = pool.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&shape).and_then(Vec::pop);
        let values = recycled.unwrap_or_else(|| vec![0.0; shape.len()]);
        Self { shape, values, pool: pool.clone() }
    }

    /// Rows of pixels, without the margin.
    pub(crate) const fn height(&self) -> usize {
        self.shape.height
    }

    /// Pixels of a row, without the margin.
    pub(crate) const fn width(&self) -> usize {
        self.shape.width
    }

    /// Values of a pixel.
    pub(crate) const fn channels(&self) -> usize {
        self.shape.channels
    }

    /// Values of a row, its two margin pixels included.
    pub(super) const fn stride(&self) -> usize {
        (self.shape.width + 2) * self.shape.channels
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

impl Clone for FeatureMap {
    fn clone(&self) -> Self {
        Self { shape: self.shape, values: self.values.clone(), pool: self.pool.clone() }
    }
}

impl Drop for FeatureMap {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        let mut spare = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.entry(self.shape).or_default().push(values);
    }
}
