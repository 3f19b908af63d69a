//! A request to stop, in two degrees.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const DRAIN: u8 = 1;
const ABORT: u8 = 2;

/// Asks all that hold a clone of it to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Begins nothing further; what is under way is finished.
    pub fn drain(&self) {
        self.0.fetch_max(DRAIN, Ordering::Relaxed);
    }

    /// Leaves at once, also what is under way.
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
