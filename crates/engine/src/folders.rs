//! The engine's own files and folders below the results folder, and the lock on the results.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use octrls_fs::{confined::create_parents, durable::lock_file};

use super::EngineError;

/// Folder below the output folder for the engine's own files.
pub const STATE_FOLDER: &str = ".octrls";
/// The ledger file in it.
pub const LEDGER_FILE: &str = "ledger.sqlite";

/// Folder below the output folder for failed scans.
pub const QUARANTINE_FOLDER: &str = "quarantine";

/// Locks the output folder for this process. The lock ends with the returned file, even on a crash.
///
/// # Errors
/// [`EngineError::Locked`] if another process holds the lock, [`EngineError::Out`] if it cannot be created.
pub fn lock_results(out: &Path) -> Result<File, EngineError> {
    let failed = |source: io::Error| EngineError::Out { path: out.to_owned(), source };
    let path = out.join(STATE_FOLDER).join("lock");
    create_parents(out, &path).map_err(failed)?;
    let file = lock_file(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::Locked { path: out.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
