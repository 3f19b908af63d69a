//! A small disk for the results, where mounting is permitted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A file system in memory of a few MiB, unmounted when dropped.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` if it cannot be mounted.
    pub(crate) fn mount(mib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().ok()?;
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "octrls-attack"]).arg(dir.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Takes all space.
    pub(crate) fn fill(&self) {
        // It fails when the disk is full, as it should.
        let _ = fs::write(self.filler(), vec![0; 256 << 20]);
    }

    /// Gives the space back.
    pub(crate) fn clear(&self) {
        let _ = fs::remove_file(self.filler());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
