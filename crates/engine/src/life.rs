//! Signs of life of the workers.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A worker that is silent for so long is stuck: the longest B-scan on the slowest box takes a minute.
pub const STUCK: Duration = Duration::from_mins(20);

/// When a worker last got on with its scan.
#[derive(Debug)]
pub struct Life(Mutex<Instant>);

impl Default for Life {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Life {
    /// A worker got on.
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long none did.
    pub fn silence(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
