//! Opens files to be read: anywhere, or only below a folder and through no link.
//!
//! Whoever can write to a watched folder can put a link in the place of a file that was just looked at. So nothing of a
//! scan is opened by its name alone: the system follows the path from the folder on and refuses every link in it.

use std::{fs::File, io, path::Path, sync::Arc};

use crate::{confined::is_plain, platform};

/// A file that is not below its folder, or leads through a link. It does not quote the path, which may name a patient.
#[derive(Debug, thiserror::Error)]
#[error("its name leads through a link or out of the watched folder")]
pub struct NotBeneath;

impl NotBeneath {
    /// Whether such a file caused `error`.
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// Where files may be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within(Option<Arc<Path>>);

impl Within {
    /// Anywhere, following links, as a person means it who names a file.
    #[must_use]
    pub const fn anywhere() -> Self {
        Self(None)
    }

    /// Only below `folder`, through no link. The folder itself may be reached through one.
    #[must_use]
    pub fn folder(folder: &Path) -> Self {
        Self(Some(folder.into()))
    }

    /// Whether files may be opened anywhere.
    #[must_use]
    pub const fn is_anywhere(&self) -> bool {
        self.0.is_none()
    }

    /// Opens the file at `path` to be read. A pipe opens at once, also if nobody writes to it.
    ///
    /// # Errors
    /// [`NotBeneath`] if `path` is not below the folder, or there is a link in it; else the system's error.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        let Some(folder) = &self.0 else { return platform::open_without_waiting(path) };
        let below = path.strip_prefix(folder).ok().filter(|below| is_plain(below));
        let below = below.ok_or_else(|| io::Error::other(NotBeneath))?;
        match platform::open_beneath(&platform::open_folder(folder)?, below) {
            Err(error) if platform::is_link_error(&error) => Err(io::Error::other(NotBeneath)),
            opened => opened,
        }
    }

    /// Opens the sidecar or another companion of a scan; `None` if there is none, if its name would be too long, or if it
    /// is a link or anything else but a file.
    ///
    /// # Errors
    /// The system's error.
    pub fn open_companion(&self, path: &Path) -> io::Result<Option<File>> {
        match self.open(path) {
            Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
            Err(error) if NotBeneath::is_cause_of(&error) => Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, os::unix::fs::symlink, path::PathBuf};

    use super::*;

    fn text(file: io::Result<File>) -> io::Result<String> {
        let mut text = String::new();
        file?.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Opens by the system's own check, and by ours for systems without it.
    fn each(folder: &Path, below: &str) -> [io::Result<String>; 2] {
        let path = folder.join(below);
        let handle = platform::open_folder(folder).unwrap();
        let by_steps = platform::open_by_steps(&handle, Path::new(below));
        [text(Within::folder(folder).open(&path)), text(by_steps)]
    }

    #[test]
    fn files_below_the_folder_are_opened_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (dir.path().join("in"), dir.path().join("elsewhere"));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("secret"), "secret").unwrap();
        fs::write(folder.join("a/b/scan"), "scan").unwrap();
        for opened in each(&folder, "a/b/scan") {
            assert_eq!(opened.unwrap(), "scan");
        }
        symlink(elsewhere.join("secret"), folder.join("a/b/link")).unwrap();
        symlink("scan", folder.join("a/b/near")).unwrap();
        symlink(&elsewhere, folder.join("a/folder")).unwrap();
        for below in ["a/b/link", "a/b/near", "a/folder/secret"] {
            for opened in each(&folder, below) {
                let error = opened.unwrap_err();
                assert!(NotBeneath::is_cause_of(&error) || platform::is_link_error(&error), "{below}: {error}");
            }
            assert_eq!(fs::read_link(folder.join(below)).is_ok(), below != "a/folder/secret");
        }
        for below in ["missing", "a/missing/scan"] {
            for opened in each(&folder, below) {
                assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::NotFound);
            }
        }
        // The folder itself may be reached through a link.
        symlink(&folder, dir.path().join("root")).unwrap();
        let root = dir.path().join("root");
        assert_eq!(text(Within::folder(&root).open(&root.join("a/b/scan"))).unwrap(), "scan");
    }

    #[test]
    fn nothing_outside_the_folder_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("in");
        fs::create_dir(&folder).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        let within = Within::folder(&folder);
        for path in [dir.path().join("secret"), folder.join("../secret"), folder.clone(), "secret".into()] {
            assert!(NotBeneath::is_cause_of(&within.open(&path).unwrap_err()), "{}", path.display());
        }
        assert_eq!(text(Within::anywhere().open(&dir.path().join("secret"))).unwrap(), "secret");
    }

    #[test]
    fn companions_are_files_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| -> PathBuf { dir.path().join(name) };
        fs::write(at("file"), "x").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        let within = Within::folder(dir.path());
        let found = |name: &str| within.open_companion(&at(name)).unwrap().is_some();
        let long = "x".repeat(256);
        assert_eq!(["file", "folder", "link", "missing", long.as_str()].map(found), [true, false, false, false, false]);
    }
}
