//! A small disk for the results, where mounting is permitted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A file system in memory of a few MiB. It is seen at a second place, from which it can be pulled and put back; unmounted
/// when dropped.
pub(crate) struct SmallDisk {
    store: TempDir,
    place: TempDir,
}

fn succeeds(command: &mut Command) -> bool {
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn unmount(path: &Path) -> bool {
    succeeds(Command::new("umount").arg("-l").arg(path))
}

impl SmallDisk {
    /// `None` if it cannot be mounted.
    pub(crate) fn mount(mib: u32) -> Option<Self> {
        let disk = Self { store: tempfile::tempdir().ok()?, place: tempfile::tempdir().ok()? };
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "octrls-attack"]).arg(disk.store.path());
        (succeeds(&mut mount) && disk.push()).then_some(disk)
    }

    /// Where the disk is seen.
    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Takes the disk away, under whatever uses it.
    pub(crate) fn pull(&self) -> bool {
        unmount(self.path())
    }

    /// Puts it back.
    pub(crate) fn push(&self) -> bool {
        succeeds(Command::new("mount").arg("--bind").arg(self.store.path()).arg(self.path()))
    }

    fn filler(&self) -> PathBuf {
        self.store.path().join("filler")
    }

    /// Takes all space.
    pub(crate) fn fill(&self) {
        // It fails when the disk is full, as it should.
        let _ = fs::write(self.filler(), vec![0; 64 << 20]);
    }

    /// Gives the space back.
    pub(crate) fn clear(&self) {
        let _ = fs::remove_file(self.filler());
    }

    /// Makes room for whatever is left to do.
    pub(crate) fn grow(&self) {
        self.clear();
        succeeds(Command::new("mount").args(["-o", "remount,size=1g"]).arg(self.store.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(self.place.path());
        unmount(self.store.path());
    }
}
