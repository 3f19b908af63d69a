//! What an image of a B-scan depends on.

use std::sync::Arc;

use octrls_core::segment::SegmentedBScan;

use super::render_style::RenderStyle;

/// Everything that an image depends on. B-scans are equal if they are the same allocation.
#[derive(Clone, Debug)]
pub(crate) struct ImageKey {
    pub(crate) bscan: Arc<SegmentedBScan>,
    pub(crate) style: RenderStyle,
    /// Width in cells.
    pub(crate) width: u16,
    /// Height in cells.
    pub(crate) height: u16,
}

impl PartialEq for ImageKey {
    fn eq(&self, other: &Self) -> bool {
        let options = |key: &Self| (key.style, key.width, key.height);
        Arc::ptr_eq(&self.bscan, &other.bscan) && options(self) == options(other)
    }
}
