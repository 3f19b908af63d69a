//! A stop request of two degrees: drain or abort.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const DRAIN: u8 = 1;
const ABORT: u8 = 2;

/// A stop request, shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Starts nothing new; current work finishes.
    pub fn drain(&self) {
        self.0.fetch_max(DRAIN, Ordering::Relaxed);
    }

    /// Stops at once, including current work.
    pub fn abort(&self) {
        self.0.fetch_max(ABORT, Ordering::Relaxed);
    }

    pub(super) fn draining(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= DRAIN
    }

    pub(super) fn aborting(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= ABORT
    }
}
