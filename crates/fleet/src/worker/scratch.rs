//! A worker's scratch folder for running jobs.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::TempDir;

use crate::FleetError;

const PREFIX: &str = "octrls-worker-";
const LOCK_FILE: &str = "lock";

/// A private folder of this worker, removed when dropped. The next worker to start removes those of killed workers.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Creates it below `folder` and removes those of workers that have ended.
    pub(super) fn create(folder: &Path) -> Result<Self, FleetError> {
        let failed = |source| FleetError::Folder { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        remove_abandoned(folder).map_err(failed)?;
        let own = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder).map_err(failed)?;
        let lock = File::create(own.path().join(LOCK_FILE)).map_err(failed)?;
        lock.try_lock().map_err(|e| failed(e.into()))?;
        Ok(Self { folder: own, _lock: lock })
    }

    /// Path of the folder.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a folder for one job.
    pub(super) fn create_job_folder(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("job-").tempdir_in(self.folder.path())
    }
}

fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && entry.file_type().is_ok_and(|t| t.is_dir()) && is_abandoned(&entry.path()) {
            // Another worker may be removing it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Whether the folder's worker has ended. A folder without a lock file is still being created.
fn is_abandoned(folder: &Path) -> bool {
    File::open(folder.join(LOCK_FILE)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_killed_workers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let dead = dir.path().join("octrls-worker-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK_FILE), "").unwrap();
        fs::write(dead.join("scan.png"), "x").unwrap();
        fs::create_dir(dir.path().join("others")).unwrap();
        let one = Scratch::create(dir.path()).unwrap();
        let two = Scratch::create(dir.path()).unwrap();
        assert!(!dead.exists() && one.path().exists() && two.path().exists() && dir.path().join("others").exists());
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
    }
}
