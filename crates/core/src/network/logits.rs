//! The network's output: class scores.

use std::sync::Arc;

use octrls_kernel::Buffer;

use crate::layer::CLASSES;

/// Unnormalised class scores on the network's grid, class-major: `CLASSES * height * width` values.
#[derive(Clone, Debug)]
pub struct Logits {
    width: usize,
    height: usize,
    values: Arc<Buffer>,
}

impl Logits {
    /// Takes `values` of shape `[CLASSES, height, width]`; `None` if there is another number of them.
    #[must_use]
    pub fn new(width: usize, height: usize, values: Vec<f32>) -> Option<Self> {
        Self::from_buffer(width, height, Arc::new(values.into()))
    }

    pub(super) fn from_buffer(width: usize, height: usize, values: Arc<Buffer>) -> Option<Self> {
        (values.len() == CLASSES * width * height).then_some(Self { width, height, values })
    }

    /// Columns of the network's grid.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows of the network's grid.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The scores of `class` along `row`, `width` values.
    #[must_use]
    pub fn row(&self, class: usize, row: usize) -> &[f32] {
        let start = (class * self.height + row) * self.width;
        &self.values[start..start + self.width]
    }

    /// All scores, class-major.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}
