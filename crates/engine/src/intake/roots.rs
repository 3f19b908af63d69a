//! The watched folders, and the names of scans in them.
//!
//! With a single root, a scan is named by its path below it. With several roots, each root has a name (its folder name)
//! and a scan's name is the root's name followed by the path below it. Results use the same names, so they stay valid
//! when other roots are added or removed.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use octrls_fs::within::Within;
use octrls_report::holds_results;

use crate::{
    EngineError,
    folders::{LEDGER_FILE, QUARANTINE_FOLDER, STATE_FOLDER},
};

/// The watched folders.
#[derive(Clone, Debug)]
pub(crate) struct Roots(Arc<[Root]>);

/// A watched folder.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    /// First part of the names of its scans; empty for a single root.
    pub(crate) name: PathBuf,
    /// Canonical.
    pub(crate) path: PathBuf,
}

impl Roots {
    /// Resolves `paths`, which must be existing folders, none inside another.
    pub(crate) fn resolve(paths: &[PathBuf]) -> Result<Self, EngineError> {
        let canonical = |path: &PathBuf| {
            let root = fs::canonicalize(path).and_then(|root| {
                fs::read_dir(&root)?;
                Ok(root)
            });
            root.map_err(|source| EngineError::Root { path: path.clone(), source })
        };
        let folders: Vec<PathBuf> = paths.iter().map(canonical).collect::<Result<_, _>>()?;
        if let Some(results) = folders.iter().find_map(|folder| results_around(folder)) {
            let problem = format!("{} holds results of octrls, and nothing in it is a scan", results.display());
            return Err(EngineError::Roots { problem });
        }
        for (index, path) in folders.iter().enumerate() {
            let others = folders.iter().enumerate().filter(|(other, _)| *other != index);
            if let Some((_, within)) = others.into_iter().find(|(_, other)| path.starts_with(other)) {
                let problem = if path == within {
                    format!("{} is given twice", path.display())
                } else {
                    format!("{} is inside {}", path.display(), within.display())
                };
                return Err(EngineError::Roots { problem });
            }
        }
        let names = match folders.as_slice() {
            [] => {
                let source = io::ErrorKind::InvalidInput.into();
                return Err(EngineError::Root { path: PathBuf::new(), source });
            }
            [_] => vec![String::new()],
            _ => names_of(&folders)?,
        };
        Ok(Self::with_names(names.into_iter().zip(folders).collect()))
    }

    /// Roots with the given names.
    pub(crate) fn with_names(roots: Vec<(String, PathBuf)>) -> Self {
        Self(roots.into_iter().map(|(name, path)| Root { name: name.into(), path }).collect())
    }

    #[cfg(test)]
    pub(crate) fn one(path: &Path) -> Self {
        Self::with_names(vec![(String::new(), path.to_owned())])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Root> {
        self.0.iter()
    }

    /// Names and paths, as stored in the ledger.
    pub(crate) fn pairs(&self) -> Vec<(String, PathBuf)> {
        self.iter().map(|root| (root.name.to_string_lossy().into_owned(), root.path.clone())).collect()
    }

    /// Index of the root that contains the scan `name`.
    pub(crate) fn number_of(&self, name: &Path) -> usize {
        self.0.iter().position(|root| name.starts_with(&root.name)).unwrap_or(0)
    }

    /// Folder of the root that contains the scan `name`.
    pub(crate) fn root_of(&self, name: &Path) -> Option<&Path> {
        self.0.get(self.number_of(name)).map(|root| root.path.as_path())
    }

    /// Where the files of the scan `name` may be opened.
    pub(crate) fn within(&self, name: &Path) -> Within {
        self.root_of(name).map_or_else(Within::anywhere, Within::folder)
    }

    /// Absolute path of the scan `name`.
    pub(crate) fn locate(&self, name: &Path) -> PathBuf {
        let Some(root) = self.0.get(self.number_of(name)) else { return name.to_owned() };
        root.path.join(name.strip_prefix(&root.name).unwrap_or(name))
    }

    /// Name of the scan at the absolute path `path`; `None` outside all roots.
    pub(crate) fn name(&self, path: &Path) -> Option<PathBuf> {
        self.0.iter().find_map(|root| Some(root.name.join(path.strip_prefix(&root.path).ok()?)))
    }
}

/// The folder with results of octrls that `root` is or lies in.
fn results_around(root: &Path) -> Option<&Path> {
    let is_results = |folder: &&Path| folder.join(STATE_FOLDER).join(LEDGER_FILE).is_file();
    root.ancestors().find(is_results).or_else(|| holds_results(root).then_some(root))
}

/// A name for each folder: its own, prefixed with the parent's name if two are equal.
fn names_of(folders: &[PathBuf]) -> Result<Vec<String>, EngineError> {
    let text = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
    let own: Vec<String> = folders.iter().map(|folder| text(folder.file_name())).collect();
    let long =
        |folder: &PathBuf| format!("{}-{}", text(folder.parent().and_then(Path::file_name)), text(folder.file_name()));
    let distinct = folders.iter().zip(&own).map(|(folder, name)| {
        let once = own.iter().filter(|other| *other == name).count() == 1;
        if once { name.clone() } else { long(folder) }
    });
    let names: Vec<String> = distinct.collect();
    let mut seen = HashSet::new();
    for name in &names {
        // Results of all roots are siblings; a hidden name could clash with the engine's own folder.
        if name.is_empty() || name.starts_with('.') || name == QUARANTINE_FOLDER || !seen.insert(name) {
            let problem = format!("the folder name \"{name}\" is reserved or used twice; rename one of the folders");
            return Err(EngineError::Roots { problem });
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(paths: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let made = paths.iter().map(|path| {
            let path = dir.path().join(path);
            fs::create_dir_all(&path).unwrap();
            path
        });
        let made = made.collect();
        (dir, made)
    }

    #[test]
    fn the_only_root_has_no_name() {
        let (_dir, folders) = folders(&["in"]);
        let roots = Roots::resolve(&folders).unwrap();
        let scan = folders[0].canonicalize().unwrap().join("ward/a.png");
        assert_eq!(roots.locate(Path::new("ward/a.png")), scan);
        assert_eq!(roots.name(&scan), Some("ward/a.png".into()));
    }

    #[test]
    fn scans_of_several_roots_have_different_names() {
        let (_dir, folders) = folders(&["left/export", "right/export", "other"]);
        let roots = Roots::resolve(&folders).unwrap();
        for (name, folder) in [("left-export/a.png", 0), ("right-export/a.png", 1), ("other/b/a.png", 2)] {
            let path = roots.locate(Path::new(name));
            assert!(path.starts_with(folders[folder].canonicalize().unwrap()), "{}", path.display());
            assert_eq!(roots.name(&path), Some(name.into()));
            assert_eq!(roots.number_of(Path::new(name)), folder);
        }
        assert_eq!(roots.name(Path::new("/elsewhere/a.png")), None);
    }

    #[test]
    fn overlapping_roots_and_equal_names_are_rejected() {
        for paths in [&["a", "a/b"][..], &["a", "a"], &["x/a/in", "y/a/in"], &["a", "quarantine"], &["a", ".b"]] {
            let (_dir, folders) = folders(paths);
            assert_eq!(Roots::resolve(&folders).unwrap_err().code(), "E-ENGINE-ROOTS", "{paths:?}");
        }
        assert_eq!(Roots::resolve(&["/nowhere/at/all".into()]).unwrap_err().code(), "E-ENGINE-ROOT");
        assert_eq!(Roots::resolve(&[]).unwrap_err().code(), "E-ENGINE-ROOT");
    }
}
