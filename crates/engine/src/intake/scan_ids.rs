//! Ids for scans, in the order in which they are first seen in any root.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::ScanId;

/// Gives each scan of this process an id. Shared by all watchers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScanIds(Arc<AtomicU64>);

impl ScanIds {
    /// The next id; the first is 1.
    pub(crate) fn next(&self) -> ScanId {
        ScanId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
