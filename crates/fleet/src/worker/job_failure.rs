//! Reasons why a worker has no results for a job.

use std::{io, path::Path};

use octrls_core::ErrorCode;
use octrls_engine::ProcessError;
use octrls_report::OutputError;

use crate::queue::link::Stopped;

/// Why a job has no results.
pub(super) enum JobFailure {
    /// Processing failed.
    Error(ProcessError),
    /// The worker is stopping.
    Stopped,
}

impl From<Stopped> for JobFailure {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<ProcessError> for JobFailure {
    fn from(error: ProcessError) -> Self {
        Self::Error(error)
    }
}

/// The job in the queue is invalid.
pub(super) fn invalid_job(reason: &str) -> ProcessError {
    ProcessError { code: ErrorCode::FleetJob, reason: format!("invalid job: {reason}"), transient: false }
}

/// This worker cannot get the scan; another may.
pub(super) fn scan_unavailable(reason: &str) -> ProcessError {
    ProcessError { code: ErrorCode::FleetScan, reason: format!("cannot get the scan: {reason}"), transient: true }
}

/// The job was delivered more often than allowed.
pub(super) fn too_many_deliveries(delivery: u32) -> ProcessError {
    let reason = format!("{} workers took the scan and none finished it", delivery - 1);
    ProcessError { code: ErrorCode::FleetDeliveries, reason, transient: false }
}

/// A file at `path` cannot be read or written.
pub(super) fn disk_error(path: &Path, error: io::Error) -> ProcessError {
    OutputError::io(path, error).into()
}
