//! The requests that a screen can make of the engine.

use octrls_engine::ScanId;

use crate::LedgerChange;

/// The operator's requests. None blocks; events report the effect.
pub trait Controls {
    /// Start no more scans, finish the running ones, then stop.
    fn drain(&self);

    /// Stop as soon as possible; running scans start over at the next start.
    fn abort(&self);

    /// Start no more scans while `paused`.
    fn pause(&self, paused: bool);

    /// Search the watched folders now.
    fn rescan(&self);

    /// Retry a scan that was quarantined since the engine started.
    fn retry(&self, scan: ScanId);

    /// Change the ledger; a notice tells the outcome.
    fn change_ledger(&self, change: LedgerChange);
}
