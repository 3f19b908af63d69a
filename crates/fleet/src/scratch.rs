//! A worker's scratch folder for running jobs.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::TempDir;

use super::FleetError;

const PREFIX: &str = "octrls-worker-";
const LOCK: &str = "lock";

/// A private folder of this worker, removed when dropped. The next worker to start removes those of killed workers.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Creates it below `folder` and removes those of workers that have ended.
    pub(super) fn make(folder: &Path) -> Result<Self, FleetError> {
        let failed = |source| FleetError::Folder { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        clear(folder).map_err(failed)?;
        let own = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder).map_err(failed)?;
        let lock = File::create(own.path().join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|e| failed(e.into()))?;
        Ok(Self { folder: own, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a folder for one job.
    pub(super) fn job(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("job-").tempdir_in(self.folder.path())
    }
}

fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && entry.file_type().is_ok_and(|t| t.is_dir()) && is_left(&entry.path()) {
            // Another worker may be removing it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Whether the folder's worker has ended. A folder without a lock file is still being created.
fn is_left(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_worker_left_is_removed_and_what_a_living_one_has_stays() {
        let dir = tempfile::tempdir().unwrap();
        let dead = dir.path().join("octrls-worker-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("scan.png"), "x").unwrap();
        fs::create_dir(dir.path().join("others")).unwrap();
        let one = Scratch::make(dir.path()).unwrap();
        let two = Scratch::make(dir.path()).unwrap();
        assert!(!dead.exists() && one.path().exists() && two.path().exists() && dir.path().join("others").exists());
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
    }
}
