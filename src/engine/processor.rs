//! What a worker does with one scan, seen from the engine.

use std::path::Path;

use super::{ScanChange, ScanSummary};

/// Turns a scan file into a folder of results.
///
/// The engine knows when and how often; the processor knows how.
pub trait Processor: Send + Sync {
    /// Processes the scan at `scan` and leaves its results in the folder `out`, whole or not at all.
    ///
    /// `name` is the path that results may carry: that of the scan below the watched root. `report` is told of
    /// [`ScanChange::Opened`] and each [`ScanChange::BScan`].
    ///
    /// # Errors
    /// [`ProcessError`], and nothing is left in `out` that was not there before.
    fn process(
        &self,
        scan: &Path,
        name: &Path,
        out: &Path,
        report: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError>;

    /// Removes what a crash left behind. Called once before the first scan, when no other process works with the
    /// results.
    ///
    /// # Errors
    /// [`ProcessError`] when something cannot be removed; work begins nevertheless.
    fn recover(&self) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Whether the results in the folder `out` may be removed once they are old: nothing else is to be done with them.
    fn may_be_removed(&self, _out: &Path) -> bool {
        true
    }

    /// A text that changes whenever the same content would give another result: model and settings.
    fn fingerprint(&self) -> String;
}

/// Why a scan gave no results.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct ProcessError {
    /// Stable code.
    pub code: &'static str,
    /// The error in words, without patient data.
    pub reason: String,
    /// Whether another attempt may succeed.
    pub transient: bool,
}
