//! Exit codes.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | success |
//! | 1 | some scans or files failed; the others are done |
//! | 2 | invalid arguments or settings |
//! | 3 | the command could not start: no model, no folder, no permission, no node |
//! | 4 | a watcher had to stop: its ledger was lost, or a thread ended. Service managers start it again |

use std::process::ExitCode;

/// Invalid arguments or settings.
pub(crate) const INVALID_ARGUMENTS: u8 = 2;
/// The command could not start.
pub(crate) const NOT_STARTED: u8 = 3;

/// A watcher had to stop. Unlike [`SOME_FAILED`], no service manager may take this for an orderly end.
pub(crate) const HAD_TO_STOP: u8 = 4;

const SOME_FAILED: u8 = 1;

/// The exit code of a command that did its work but for the parts that `failed`.
pub(crate) fn some_failed_if(failed: bool) -> ExitCode {
    if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS }
}
