//! An open handle to a folder, for safe file operations inside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fd::OwnedFd;

use super::folder_id::FolderId;
use crate::{durable::sync_folder, platform};

/// An open folder. Operations through it reach the same folder even if its name is later given to another.
///
/// Without `/proc`, the folder is identified by its path alone, so a link planted there later is followed.
#[derive(Debug)]
pub struct DirHandle {
    path: PathBuf,
    folder: OwnedFd,
}

impl DirHandle {
    /// Opens the folder at `path`, which may be a link.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::new(path, platform::open_folder(path)?)
    }

    /// Opens the subfolder `name`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotADirectory`] if it is not a folder; a link to a folder counts as not a folder.
    pub fn open_folder(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let path = self.join(&name);
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // Checks for a link once more, since the entry may have changed after the check above.
        Self::new(&path, platform::open_subfolder(&self.folder, name.as_ref())?)
    }

    fn new(path: &Path, folder: OwnedFd) -> io::Result<Self> {
        let path = platform::path_of_open(&folder)?.unwrap_or_else(|| path.to_owned());
        Ok(Self { path, folder })
    }

    /// Which folder it is.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn id(&self) -> io::Result<FolderId> {
        FolderId::of_open(&self.folder)
    }

    /// Path to this folder, valid as long as this value lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path to the entry `name` of this folder, valid as long as this value lives.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Path to the entry of this folder that has the file name of `path`, valid as long as this value lives.
    #[must_use]
    pub fn entry(&self, path: &Path) -> PathBuf {
        self.join(path.file_name().unwrap_or_default())
    }

    /// Syncs the folder, so that its entries survive a power cut.
    ///
    /// # Errors
    /// The system's error.
    pub fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reaches_its_folder_after_a_rename() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        let handle = DirHandle::open(dir.path()).unwrap().open_folder("a").unwrap();
        fs::rename(at("a"), at("moved")).unwrap();
        fs::create_dir(at("a")).unwrap();
        fs::write(handle.join("file"), "x").unwrap();
        handle.sync().unwrap();
        assert!(at("moved/file").exists());
    }

    #[test]
    fn only_folders_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        let handle = DirHandle::open(dir.path()).unwrap();
        let kind = |name: &str| handle.open_folder(name).err().map(|error| error.kind());
        assert_eq!(kind("file"), Some(io::ErrorKind::NotADirectory));
        assert_eq!(kind("missing"), Some(io::ErrorKind::NotFound));
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        assert_eq!(kind("link"), Some(io::ErrorKind::NotADirectory));
    }
}
