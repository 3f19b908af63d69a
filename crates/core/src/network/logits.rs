//! The network's output: class scores.

use std::sync::Arc;

use octrls_kernel::Buffer;

use crate::{layer::CLASSES, lesion::LESION_CLASSES};

/// Unnormalised class scores on the network's grid, class-major: those of the layers and, if the network has that
/// output, those of the lesions.
#[derive(Clone, Debug)]
pub struct Logits {
    width: usize,
    height: usize,
    values: Arc<Buffer>,
}

impl Logits {
    /// Takes `values` of shape `[CLASSES, height, width]`, or of shape `[CLASSES + LESION_CLASSES, height, width]`; `None`
    /// if there is another number of them.
    #[must_use]
    pub fn new(width: usize, height: usize, values: Vec<f32>) -> Option<Self> {
        Self::from_buffer(width, height, Arc::new(values.into()))
    }

    pub(super) fn from_buffer(width: usize, height: usize, values: Arc<Buffer>) -> Option<Self> {
        let planes = |classes: usize| values.len() == classes * width * height;
        (planes(CLASSES) || planes(CLASSES + LESION_CLASSES)).then_some(Self { width, height, values })
    }

    /// Whether there are scores of lesions, as classes from [`CLASSES`] on.
    #[must_use]
    pub fn has_lesions(&self) -> bool {
        self.values.len() > CLASSES * self.width * self.height
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
