//! Paths that stay within a folder, whatever a name or a link says.
//!
//! Who may put a file into a folder of ours may plant a link there, and a name that comes from a file may hold `..`. Before
//! anything is written, moved or removed below a folder, its path is looked at here. A link that is planted between the look
//! and the deed is not seen: it takes a program that runs as the service's group, at that moment.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::durable::sync_folder;

/// A path that does not stay within its folder.
#[derive(Debug, thiserror::Error)]
#[error("{path} leads out of {folder}, by its name or by a link", path = path.display(), folder = folder.display())]
pub(crate) struct Outside {
    path: PathBuf,
    folder: PathBuf,
}

impl Outside {
    /// Whether this is why `error` happened.
    pub(crate) fn caused(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|source| source.is::<Self>())
    }
}

/// Whether `path` is made of names alone: neither absolute, nor empty, nor with `..`.
pub(crate) fn is_plain(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Makes the folders between `folder` and `path`, which lies below it.
///
/// # Errors
/// [`Outside`] where `path` is not below `folder`, or one of the folders between them is a link.
pub(crate) fn make_parents(folder: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    each_parent(folder, path, |parent| {
        match fs::create_dir(parent) {
            Ok(()) => {}
            // Another worker was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(true),
            Err(error) => return Err(error),
        }
        parent.parent().map_or(Ok(()), sync_folder).map(|()| true)
    })
}

/// Looks whether `path` lies below `folder`, with no link between them. What is not there yet is no link.
///
/// # Errors
/// [`Outside`] where it does not.
pub(crate) fn check(folder: &Path, path: &Path) -> io::Result<()> {
    each_parent(folder, path, |_| Ok(false))
}

/// Goes down from `folder` to `path`; `missing` is told of each folder that is not there, and whether to go on.
fn each_parent(folder: &Path, path: &Path, missing: impl Fn(&Path) -> io::Result<bool>) -> io::Result<()> {
    let outside = || Err(io::Error::other(Outside { path: path.to_owned(), folder: folder.to_owned() }));
    let Some(below) = path.strip_prefix(folder).ok().filter(|below| is_plain(below)) else { return outside() };
    let mut parent = folder.to_owned();
    for part in below.parent().into_iter().flat_map(Path::components) {
        parent.push(part);
        match fs::symlink_metadata(&parent) {
            Ok(found) if found.is_dir() => {}
            Ok(found) if found.is_symlink() => return outside(),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !missing(&parent)? {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
        check(&folder, &folder.join("a/b/c.png")).unwrap();
        check(&folder, &folder.join("not/yet/there.png")).unwrap();
        for path in [folder.join("../x/y"), folder.clone(), dir.path().join("x/y"), folder.join("a/../../x/y")] {
            assert!(Outside::caused(&make_parents(&folder, &path).unwrap_err()), "{}", path.display());
            assert!(Outside::caused(&check(&folder, &path).unwrap_err()), "{}", path.display());
        }
        assert!(!dir.path().join("x").exists());
        fs::write(folder.join("file"), "").unwrap();
        let error = make_parents(&folder, &folder.join("file/x/y")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
        fs::create_dir_all(folder.join("a")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join("a/link")).unwrap();
        for path in ["a/link/x", "a/link/x/y"] {
            let path = folder.join(path);
            assert!(Outside::caused(&make_parents(&folder, &path).unwrap_err()));
            assert!(Outside::caused(&check(&folder, &path).unwrap_err()));
        }
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }
}
