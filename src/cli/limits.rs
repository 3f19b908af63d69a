//! The limit of open files.

use octrls_core::ErrorCode;
use octrls_engine::{EngineHandle, Level};
use octrls_fs::platform::raise_open_files;

/// Open files of a watcher that does nothing: ledger, history, log, sockets, change events, and a walk of the folders.
const AT_REST: u64 = 48;
/// Open files of one scan: the scan, an export's image, and the results being written.
const PER_SCAN: u64 = 16;
/// Open files of one association: the connection and an instance. As many connections again are being turned away.
const PER_ASSOCIATION: u64 = 4;
/// Connections of screens and of metrics.
const CLIENTS: u64 = 32;

/// The number of open files that a watcher with these settings needs.
pub(crate) fn needed_files(workers: usize, associations: usize) -> u64 {
    AT_REST + CLIENTS + PER_SCAN * workers as u64 + PER_ASSOCIATION * associations as u64
}

/// Raises the limit of open files as far as it may, and says what is missing.
pub(crate) fn check(needed: u64, engine: &EngineHandle) {
    if let Some(text) = shortage(needed) {
        let text = format!("{text}; raise LimitNOFILE= of the service or ulimit -n");
        engine.notice(Level::Warning, Some(ErrorCode::Resources), text);
    }
}

/// Raises the limit of open files as far as it may. Returns what is missing, in words.
pub(crate) fn shortage(needed: u64) -> Option<String> {
    match raise_open_files() {
        Ok(Some(limit)) if limit < needed => {
            Some(format!("this process may have {limit} open files, and may need {needed} with these settings"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("cannot raise the limit of open files: {error}")),
    }
}
