//! Heartbeat of the workers.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Silence after which a worker counts as stuck. The longest B-scan on the slowest computer takes a minute.
pub const STUCK_AFTER: Duration = Duration::from_mins(20);

/// When a worker last made progress.
#[derive(Debug)]
pub struct Heartbeat(Mutex<Instant>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Heartbeat {
    /// Records progress of a worker.
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Time since the last progress.
    pub fn silence(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
