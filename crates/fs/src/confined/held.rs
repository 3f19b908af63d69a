//! An open handle to a folder, for safe file operations inside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::{
    fd::{AsRawFd as _, OwnedFd},
    fs::{CWD, Mode, OFlags},
};

use crate::durable::sync_folder;

/// An open folder. Operations through it reach the same folder even if its name is later given to another.
///
/// Where `/proc` is missing (any system but Linux), the folder is identified by its path alone, so a link planted there
/// later is followed.
pub struct Held {
    path: PathBuf,
    open: OwnedFd,
}

impl Held {
    /// Opens the folder at `path`, which may be a link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        return Self::of(path, rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?);
    }

    /// Opens the subfolder `name`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotADirectory`] if it is not a folder; a link to a folder counts as not a folder.
    pub fn folder(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let path = self.join(&name);
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // `NOFOLLOW` covers the time since the check above.
        {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(&self.open, name.as_ref(), flags, Mode::empty()) {
                Ok(open) => Self::of(&path, open),
                Err(rustix::io::Errno::LOOP) => Err(io::ErrorKind::NotADirectory.into()),
                Err(error) => Err(error.into()),
            }
        }
    }

    fn of(path: &Path, open: OwnedFd) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let itself = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
        let found = rustix::fs::fstat(&open)?;
        let leads_there = fs::metadata(&itself).is_ok_and(|m| (m.dev(), m.ino()) == (found.st_dev, found.st_ino));
        Ok(Self { path: if leads_there { itself } else { path.to_owned() }, open })
    }

    /// Path to this folder, valid as long as this value lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path to the entry `name` of this folder, valid as long as this value lives.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Path to the entry of this folder that has the file name of `path`, valid as long as this value lives.
    pub fn entry(&self, path: &Path) -> PathBuf {
        self.join(path.file_name().unwrap_or_default())
    }

    /// Syncs the folder, so that its entries survive a power cut.
    pub fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_folder_stays_itself_whatever_takes_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        let held = Held::open(dir.path()).unwrap().folder("a").unwrap();
        fs::rename(at("a"), at("moved")).unwrap();
        fs::create_dir(at("a")).unwrap();
        fs::write(held.join("file"), "x").unwrap();
        held.sync().unwrap();
        assert_eq!(at("moved/file").exists(), cfg!(target_os = "linux"));
    }

    #[test]
    fn only_folders_are_held() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        let held = Held::open(dir.path()).unwrap();
        let kind = |name: &str| held.folder(name).err().map(|error| error.kind());
        assert_eq!(kind("file"), Some(io::ErrorKind::NotADirectory));
        assert_eq!(kind("nothing"), Some(io::ErrorKind::NotFound));
        {
            std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
            assert_eq!(kind("link"), Some(io::ErrorKind::NotADirectory));
        }
    }
}
