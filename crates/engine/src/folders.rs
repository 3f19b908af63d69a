//! The engine's own files and folders below the results folder, and the lock on the results.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use octrls_fs::{confined::create_parents, durable::lock_file};

use super::EngineError;

/// Folder below the output folder for the engine's own files.
pub const STATE_FOLDER: &str = ".octrls";
/// The ledger file in it.
pub const LEDGER_FILE: &str = "ledger.sqlite";

const LOCK_FILE: &str = "lock";

/// Folder below the output folder for failed scans.
pub const QUARANTINE_FOLDER: &str = "quarantine";

/// What follows the name of a folder of scans that is called like [`QUARANTINE_FOLDER`], in the results folder.
const OF_SCANS: &str = " (scans)";

/// The folder, below the results folder, for the results of the scan called `name`: the same path, except that scans in
/// a folder `quarantine` have their results in `quarantine (scans)`. Different names have different folders.
#[must_use]
pub fn result_folder(name: &Path) -> PathBuf {
    let mut parts = name.components();
    let first = parts.next().and_then(|first| first.as_os_str().to_str()).unwrap_or_default();
    let rest = first.strip_prefix(QUARANTINE_FOLDER);
    if !rest.is_some_and(|rest| rest.replace(OF_SCANS, "").is_empty()) {
        return name.to_owned();
    }
    Path::new(&format!("{first}{OF_SCANS}")).join(parts.as_path())
}

/// Locks the output folder for this process. The lock ends with the returned file, even on a crash.
///
/// # Errors
/// [`EngineError::Locked`] if another process holds the lock, [`EngineError::Out`] if it cannot be created.
pub fn lock_results(out: &Path) -> Result<File, EngineError> {
    let failed = |source: io::Error| EngineError::Out { path: out.to_owned(), source };
    let path = out.join(STATE_FOLDER).join(LOCK_FILE);
    create_parents(out, &path).map_err(failed)?;
    let file = lock_file(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::Locked { path: out.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Whether an engine uses the results in `out`. Never disturbs one that runs.
#[must_use]
pub fn is_in_use(out: &Path) -> bool {
    let lock = File::open(out.join(STATE_FOLDER).join(LOCK_FILE));
    // A shared lock, held for a moment, keeps no other reader out.
    lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn results_never_lie_in_the_quarantine() {
        let names =
            ["quarantine/a", "quarantine (scans)/a", "quarantine (scans) (scans)/a", "quarantined/a", "b/quarantine/a"];
        let folders: HashSet<PathBuf> = names.iter().map(|name| result_folder(Path::new(name))).collect();
        assert_eq!(folders.len(), names.len());
        assert!(folders.iter().all(|folder| !folder.starts_with(QUARANTINE_FOLDER)));
        assert_eq!(result_folder(Path::new("quarantine/a/b.png")), Path::new("quarantine (scans)/a/b.png"));
        for same in ["a.png", "quarantined/a", "b/quarantine/a"] {
            assert_eq!(result_folder(Path::new(same)), Path::new(same));
        }
        // A scan may have this name as well.
        assert_eq!(result_folder(Path::new("quarantine")), Path::new("quarantine (scans)"));
    }
}
