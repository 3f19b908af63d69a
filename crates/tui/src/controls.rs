//! What a screen may ask of the engine.

use octrls_engine::ScanId;

/// Wishes of the operator; none waits for its fulfilment, the events tell of it.
pub trait Controls {
    /// Take no further scan, finish the running ones, then stop.
    fn drain(&self);

    /// Stop as soon as possible; unfinished scans are left for the next start.
    fn abort(&self);

    /// Take no further scan until told otherwise.
    fn pause(&self, paused: bool);

    /// Look through the watched folder now.
    fn rescan(&self);

    /// Take a quarantined scan up once more.
    fn retry(&self, scan: ScanId);
}
