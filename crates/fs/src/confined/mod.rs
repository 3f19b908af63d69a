//! Paths that cannot leave their folder, whatever a name or a link says.
//!
//! Whoever can write to one of our folders can plant a link there, and a name read from a file can contain `..`. Before
//! anything below a folder is written, moved or removed, its path is therefore opened step by step without following
//! links, and its parent folder stays open during the operation.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

pub use held::Held;

mod held;

/// A path that leads outside its folder.
#[derive(Debug, thiserror::Error)]
#[error("{path} leads out of {folder} through its name or a link", path = path.display(), folder = folder.display())]
pub struct Outside {
    path: PathBuf,
    folder: PathBuf,
}

impl Outside {
    /// Whether `error` was caused by such a path.
    pub fn caused(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// Whether `path` consists of plain names only: not absolute, not empty and without `..`.
pub fn is_plain(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Creates the missing folders between `folder` and `path` and opens the parent of `path`.
///
/// # Errors
/// [`Outside`] if `path` is not below `folder`, or a folder between them is a link.
pub fn make_parents(folder: &Path, path: &Path) -> io::Result<Held> {
    fs::create_dir_all(folder)?;
    walk(folder, path, |above, name| {
        match fs::create_dir(above.join(name)) {
            Ok(()) => above.sync()?,
            // Another worker created it first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        above.folder(name)
    })
}

/// Opens the parent of `path`, which must lie below `folder`.
///
/// # Errors
/// [`Outside`] as in [`make_parents`]; [`io::ErrorKind::NotFound`] if a folder between them is missing.
pub fn hold_parent(folder: &Path, path: &Path) -> io::Result<Held> {
    walk(folder, path, |_, _| Err(io::ErrorKind::NotFound.into()))
}

/// Descends from `folder` to the parent of `path`; calls `missing` for each folder that does not exist.
fn walk(folder: &Path, path: &Path, missing: impl Fn(&Held, &Path) -> io::Result<Held>) -> io::Result<Held> {
    let outside = || io::Error::other(Outside { path: path.to_owned(), folder: folder.to_owned() });
    let below = path.strip_prefix(folder).ok().filter(|below| is_plain(below)).ok_or_else(outside)?;
    let mut held = Held::open(folder)?;
    for name in below.parent().into_iter().flat_map(Path::components) {
        let name: &Path = name.as_ref();
        let found = match held.folder(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing(&held, name),
            found => found,
        };
        held = found.map_err(|error| {
            let is_link = fs::symlink_metadata(held.join(name)).is_ok_and(|found| found.is_symlink());
            if is_link && error.kind() == io::ErrorKind::NotADirectory { outside() } else { error }
        })?;
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_told() {
        for (path, plain) in
            [("a", true), ("a/b.png", true), ("", false), (".", false), ("..", false), ("a/../b", false), ("/a", false)]
        {
            assert_eq!(is_plain(Path::new(path)), plain, "{path}");
        }
    }

    #[test]
    fn folders_are_made_below_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        make_parents(&folder, &folder.join("a/b/c.png")).unwrap();
        make_parents(&folder, &folder.join("a/b/d.png")).unwrap();
        assert!(folder.join("a/b").is_dir() && !folder.join("a/b/c.png").exists());
        hold_parent(&folder, &folder.join("a/b/c.png")).unwrap();
        let missing = hold_parent(&folder, &folder.join("not/yet/there.png")).err().unwrap();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        for path in [folder.join("../x/y"), folder.clone(), dir.path().join("x/y"), folder.join("a/../../x/y")] {
            assert!(Outside::caused(&make_parents(&folder, &path).err().unwrap()), "{}", path.display());
            assert!(Outside::caused(&hold_parent(&folder, &path).err().unwrap()), "{}", path.display());
        }
        assert!(!dir.path().join("x").exists());
        fs::write(folder.join("file"), "").unwrap();
        let error = make_parents(&folder, &folder.join("file/x/y")).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
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
            assert!(Outside::caused(&make_parents(&folder, &path).err().unwrap()));
            assert!(Outside::caused(&hold_parent(&folder, &path).err().unwrap()));
        }
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }
}
