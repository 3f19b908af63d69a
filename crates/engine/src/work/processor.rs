//! The engine's interface to what processes a scan.

use std::{any::Any, io, ops::ControlFlow, path::Path};

use octrls_core::{ErrorCode, network::ModelError};
use octrls_fs::platform::is_out_of_resources;
use octrls_readers::{self as scan, ReadError, ScanFiles};
pub use octrls_report::{Cancelled, ScanSummary};
use octrls_report::{EarlierResult, OutputError};

use crate::ScanChange;

/// One scan to process.
#[derive(Clone, Copy, Debug)]
pub struct ScanTask<'a> {
    /// The files of the scan.
    pub files: &'a ScanFiles,
    /// Path that results may mention: the path below the watched root of the scan, or of the file that names it.
    pub name: &'a Path,
    /// SHA-256 of the content, see [`ScanFiles::digest`].
    pub sha256: &'a str,
    /// SHA-256 of each instance of a series, in their order, if known; for any other scan at most that of its file.
    pub digests: &'a [String],
    /// Folder for the results.
    pub out: &'a Path,
    /// The result that they replace, by whose DICOM objects the new ones name their predecessors.
    pub earlier: &'a EarlierResult,
}

/// Turns a scan into a folder of results.
///
/// The engine decides when and how often to run it.
pub trait Processor: Send + Sync {
    /// Processes one scan and writes its results, all or nothing.
    ///
    /// `report` receives [`ScanChange::Opened`] and each [`ScanChange::BScan`]. A processor that delegates the work
    /// reports [`ScanChange::Queued`] while the scan waits and [`ScanChange::Running`] while it is processed. It may
    /// repeat them: repetitions send no event, but each one restarts the time limit.
    ///
    /// `report` returns [`ControlFlow::Break`] once the scan is cancelled. The processor then stops soon and returns an
    /// error, such as [`Cancelled`] converted by `into`; the engine ignores which. Every processor must report `Running`
    /// right before it publishes results, so that a cancelled scan publishes none.
    ///
    /// # Errors
    /// [`ProcessError`]; the results folder is then unchanged.
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError>;

    /// Removes leftovers of a crash. Called once before the first scan, while no other process uses the results.
    ///
    /// # Errors
    /// [`ProcessError`] if something cannot be removed; processing starts anyway.
    fn recover(&self) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Whether the results in the folder `out` may be removed once they are old, because nothing else needs them.
    fn may_be_removed(&self, _out: &Path) -> bool {
        true
    }

    /// Called when no further scan will come. A processor whose scans wait elsewhere returns them with
    /// [`ProcessError::put_off`].
    fn drain(&self) {}

    /// Whether other processes do the work. If so, a crash of this process is not blamed on any scan.
    fn works_elsewhere(&self) -> bool {
        false
    }

    /// A text that differs whenever the same content would give another result: model and settings.
    fn fingerprint(&self) -> String;
}

/// Why processing a scan failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct ProcessError {
    /// Stable code.
    pub code: ErrorCode,
    /// Error message without patient data.
    pub reason: String,
    /// Whether another attempt may succeed.
    pub transient: bool,
}

/// Code of a scan that a processor returned unfinished; never shown.
const PUT_OFF: ErrorCode = ErrorCode::EnginePutOff;

impl ProcessError {
    /// The scan is returned unfinished because the engine stops. The attempt does not count, and the next start takes
    /// the scan up.
    #[must_use]
    pub fn put_off() -> Self {
        Self { code: PUT_OFF, reason: "left for the next start".to_owned(), transient: true }
    }

    /// The scan exceeded the time limit.
    #[must_use]
    pub fn too_long() -> Self {
        Self { code: ErrorCode::Timeout, reason: "the scan exceeded the time limit".to_owned(), transient: false }
    }

    /// The processor panicked with this payload.
    #[must_use]
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        // A message that was put together may quote the scan.
        let text = payload.downcast_ref::<&str>().copied().unwrap_or("see the position on standard error");
        Self { code: ErrorCode::Panic, reason: format!("internal error: {text}"), transient: false }
    }

    /// The process or the machine has no file descriptors or memory left, which is no fault of the scan.
    #[must_use]
    pub fn out_of_resources(source: &io::Error) -> Self {
        Self { code: ErrorCode::Resources, reason: source.to_string(), transient: true }
    }

    pub(crate) fn is_put_off(&self) -> bool {
        self.code == PUT_OFF
    }
}

impl From<Cancelled> for ProcessError {
    fn from(Cancelled: Cancelled) -> Self {
        Self::put_off()
    }
}

impl From<ReadError> for ProcessError {
    fn from(error: ReadError) -> Self {
        if let ReadError::Io { source, .. } = &error
            && is_out_of_resources(source)
        {
            return Self::out_of_resources(source);
        }
        Self { code: error.code(), transient: error.is_transient(), reason: error.to_string() }
    }
}

impl From<ModelError> for ProcessError {
    fn from(error: ModelError) -> Self {
        Self { code: error.code(), transient: false, reason: error.to_string() }
    }
}

impl From<OutputError> for ProcessError {
    fn from(error: OutputError) -> Self {
        if let OutputError::Io { source, .. } = &error
            && is_out_of_resources(source)
        {
            return Self::out_of_resources(source);
        }
        Self { code: error.code(), transient: error.is_transient(), reason: error.to_string() }
    }
}

/// Replaces a reader error's path by the one below the root, since folders above it may name a patient.
pub(crate) fn with_scan_name(error: ReadError, name: &Path) -> ProcessError {
    match error {
        ReadError::Io { source, path } => {
            // In a series, the unreadable file may not be the one that names the scan.
            let instance = path.file_name().filter(|_| scan::may_be_instance(&path) && scan::may_be_instance(name));
            let path = instance.map_or_else(|| name.to_owned(), |file| name.with_file_name(file));
            ReadError::Io { path, source }.into()
        }
        ReadError::Sidecar { reason, .. } => {
            ReadError::Sidecar { path: name.with_added_extension("toml"), reason }.into()
        }
        other => other.into(),
    }
}

/// Whether this error code blames the machine, not the scan: no results can be written, or there are no file descriptors
/// or no memory.
#[must_use]
pub fn is_fault_of_machine(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::OutFull | ErrorCode::OutDenied | ErrorCode::OutGone | ErrorCode::Resources)
}

/// Whether this error code says nothing about the scan: no scan's results can be written or recorded.
pub(crate) fn is_environment_error(code: ErrorCode) -> bool {
    is_fault_of_machine(code) || matches!(code, ErrorCode::Ledger)
}
