//! What a worker does with one scan, seen from the engine.

use std::{any::Any, path::Path};

use super::{ScanChange, ScanSummary};
use octrls_readers::ScanFiles;

/// Turns a scan into a folder of results.
///
/// The engine knows when and how often; the processor knows how.
pub trait Processor: Send + Sync {
    /// Processes the scan in the files `scan` and leaves its results in the folder `out`, whole or not at all.
    ///
    /// `name` is the path that results may carry: that of the scan, or of the file that it is called by, below the watched root. `report` is told of
    /// [`ScanChange::Opened`] and each [`ScanChange::BScan`]. A processor that has others do the work tells of
    /// [`ScanChange::Queued`] while the scan waits for them and of [`ScanChange::Running`] while they have it, again and again:
    /// repetitions are no events, but the time that a scan may take begins anew with each. `report` unwinds once nobody waits for
    /// the scan any more: every processor tells of `Running` right before it puts results in place, so that none come late.
    ///
    /// # Errors
    /// [`ProcessError`], and nothing is left in `out` that was not there before.
    fn process(
        &self,
        scan: &ScanFiles,
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

    /// No further scan will come. A processor whose scans wait elsewhere lets go of them, with [`ProcessError::put_off`].
    fn drain(&self) {}

    /// Whether scans are worked on in other processes, so that the end of this one is not the fault of any scan.
    fn works_elsewhere(&self) -> bool {
        false
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

/// The code of a scan that a processor let go of; nobody is told of it.
const PUT_OFF: &str = "E-ENGINE-PUT-OFF";

impl ProcessError {
    /// The scan is let go of unfinished since the engine stops: the attempt does not count, and the next start takes it up.
    #[must_use]
    pub fn put_off() -> Self {
        Self { code: PUT_OFF, reason: "left for the next start".to_owned(), transient: true }
    }

    /// The scan took longer than it may.
    pub fn too_long() -> Self {
        Self { code: "E-TIMEOUT", reason: "the scan took longer than it may".to_owned(), transient: false }
    }

    /// The processor panicked with this payload.
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Self { code: "E-PANIC", reason: format!("internal error: {text}"), transient: false }
    }

    pub(super) fn is_put_off(&self) -> bool {
        self.code == PUT_OFF
    }
}

/// Whether an error of this code means that no scan could be written, whatever was in it.
pub fn is_of_the_disk(code: &str) -> bool {
    matches!(code, "E-OUT-FULL" | "E-OUT-DENIED")
}
