//! Paths that cannot leave their folder, whatever a name or a link says.
//!
//! Whoever can write to one of our folders can plant a link there, and a name read from a file can contain `..`. Before
//! anything below a folder is written, moved or removed, its path is therefore opened step by step without following
//! links, and its parent folder stays open during the operation.
//!
//! The crate cap-std has such handles too, but its folders have no path, and what writes into them here takes one:
//! tempfile's atomic `persist_noclobber`, walkdir, and the writers of results. [`DirHandle::path`] serves them all.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

pub use dir_handle::DirHandle;
pub use folder_id::FolderId;

mod dir_handle;
mod folder_id;

/// A path that leads outside its folder.
#[derive(Debug, thiserror::Error)]
#[error("{path} leads out of {folder} through its name or a link", path = path.display(), folder = folder.display())]
pub struct OutsideFolder {
    path: PathBuf,
    folder: PathBuf,
}

impl OutsideFolder {
    /// Whether such a path caused `error`.
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// A folder, and which one it must be.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// `None` if any folder will do, even a new one.
    pub id: Option<FolderId>,
}

impl<'a> From<&'a Path> for Base<'a> {
    fn from(folder: &'a Path) -> Self {
        Self { folder, id: None }
    }
}

impl<'a> From<&'a PathBuf> for Base<'a> {
    fn from(folder: &'a PathBuf) -> Self {
        Self { folder, id: None }
    }
}

impl Base<'_> {
    fn open(&self) -> io::Result<DirHandle> {
        let gone = || io::Error::other(FolderGone { folder: self.folder.to_owned() });
        let Some(id) = self.id else { return DirHandle::open(self.folder) };
        let handle = DirHandle::open(self.folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => gone(),
            _ => error,
        })?;
        if handle.id()? == id { Ok(handle) } else { Err(gone()) }
    }
}

/// A folder that is gone, or whose place another has taken.
#[derive(Debug, thiserror::Error)]
#[error("the folder {folder} is gone, or another has taken its place", folder = folder.display())]
pub struct FolderGone {
    folder: PathBuf,
}

impl FolderGone {
    /// Whether such a folder caused `error`.
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// Whether `path` consists of plain names only: not absolute, not empty and without `..`.
#[must_use]
pub fn is_plain(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Creates the missing folders between `base` and `path` and opens the parent of `path`.
///
/// # Errors
/// [`OutsideFolder`] if `path` is not below `base`, or a folder between them is a link; [`FolderGone`] if `base` is not the
/// folder that it must be.
pub fn create_parents<'a>(base: impl Into<Base<'a>>, path: &Path) -> io::Result<DirHandle> {
    let base = base.into();
    if base.id.is_none() {
        fs::create_dir_all(base.folder)?;
    }
    descend(base, path, |parent, name| {
        match fs::create_dir(parent.join(name)) {
            Ok(()) => parent.sync()?,
            // Another worker created it first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        parent.open_folder(name)
    })
}

/// Opens the parent of `path`, which must lie below `base`.
///
/// # Errors
/// [`OutsideFolder`] and [`FolderGone`] as in [`create_parents`]; [`io::ErrorKind::NotFound`] if a folder between them is
/// missing.
pub fn open_parent<'a>(base: impl Into<Base<'a>>, path: &Path) -> io::Result<DirHandle> {
    descend(base.into(), path, |_, _| Err(io::ErrorKind::NotFound.into()))
}

/// Opens each folder from `folder` down to the parent of `path`; calls `missing` for those that do not exist.
fn descend(
    base: Base<'_>,
    path: &Path,
    missing: impl Fn(&DirHandle, &Path) -> io::Result<DirHandle>,
) -> io::Result<DirHandle> {
    let folder = base.folder;
    let outside = || io::Error::other(OutsideFolder { path: path.to_owned(), folder: folder.to_owned() });
    let below = path.strip_prefix(folder).ok().filter(|below| is_plain(below)).ok_or_else(outside)?;
    let mut handle = base.open()?;
    for name in below.parent().into_iter().flat_map(Path::components) {
        let name: &Path = name.as_ref();
        let found = match handle.open_folder(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing(&handle, name),
            found => found,
        };
        handle = found.map_err(|error| {
            let is_link = fs::symlink_metadata(handle.join(name)).is_ok_and(|found| found.is_symlink());
            if is_link && error.kind() == io::ErrorKind::NotADirectory { outside() } else { error }
        })?;
    }
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_plain() {
        for (path, plain) in
            [("a", true), ("a/b.png", true), ("", false), (".", false), ("..", false), ("a/../b", false), ("/a", false)]
        {
            assert_eq!(is_plain(Path::new(path)), plain, "{path}");
        }
    }

    #[test]
    fn folders_are_created_only_below_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        create_parents(&folder, &folder.join("a/b/c.png")).unwrap();
        create_parents(&folder, &folder.join("a/b/d.png")).unwrap();
        assert!(folder.join("a/b").is_dir() && !folder.join("a/b/c.png").exists());
        open_parent(&folder, &folder.join("a/b/c.png")).unwrap();
        let missing = open_parent(&folder, &folder.join("not/yet/there.png")).err().unwrap();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        for path in [folder.join("../x/y"), folder.clone(), dir.path().join("x/y"), folder.join("a/../../x/y")] {
            assert!(OutsideFolder::is_cause_of(&create_parents(&folder, &path).err().unwrap()), "{}", path.display());
            assert!(OutsideFolder::is_cause_of(&open_parent(&folder, &path).err().unwrap()), "{}", path.display());
        }
        assert!(!dir.path().join("x").exists());
        fs::write(folder.join("file"), "").unwrap();
        let error = create_parents(&folder, &folder.join("file/x/y")).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_folder_that_took_the_place_of_another_stays_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        fs::create_dir(&folder).unwrap();
        let base = Base { folder: &folder, id: Some(FolderId::of(&folder).unwrap()) };
        create_parents(base, &folder.join("a/b")).unwrap();
        fs::rename(&folder, dir.path().join("away")).unwrap();
        let is_gone = |result: io::Result<DirHandle>| FolderGone::is_cause_of(&result.err().unwrap());
        assert!(is_gone(create_parents(base, &folder.join("a/b"))) && is_gone(open_parent(base, &folder.join("a/b"))));
        assert!(!folder.exists());
        fs::create_dir(&folder).unwrap();
        assert!(is_gone(create_parents(base, &folder.join("a/b"))));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
        fs::rename(dir.path().join("away"), &folder).unwrap();
        create_parents(base, &folder.join("a/b")).unwrap();
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
        fs::create_dir_all(folder.join("a")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join("a/link")).unwrap();
        for path in ["a/link/x", "a/link/x/y"] {
            let path = folder.join(path);
            assert!(OutsideFolder::is_cause_of(&create_parents(&folder, &path).err().unwrap()));
            assert!(OutsideFolder::is_cause_of(&open_parent(&folder, &path).err().unwrap()));
        }
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }
}
