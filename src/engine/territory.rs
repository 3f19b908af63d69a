//! Which files below the root may be scans, by name alone.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use crate::scan::has_scan_extension;

/// Endings under which programs write what is not finished yet.
const UNFINISHED: [&str; 6] = ["crdownload", "download", "filepart", "part", "partial", "tmp"];

/// Folders that file servers fill with thumbnails and deleted files.
const SERVER_FOLDERS: [&str; 4] = ["$RECYCLE.BIN", "@eaDir", "#recycle", "System Volume Information"];

/// The watched root less what in it is not the scanners'.
#[derive(Clone, Debug)]
pub(super) struct Territory {
    root: PathBuf,
    /// The folder for results, where it lies below the root.
    out: Option<PathBuf>,
}

impl Territory {
    /// Both paths must be canonical.
    pub(super) fn new(root: &Path, out: &Path) -> Self {
        Self { root: root.to_owned(), out: out.strip_prefix(root).ok().map(Path::to_owned) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The file that a change of the absolute path `path` concerns, as a path below the root: a sidecar's change
    /// concerns its scan. `None` outside the territory.
    pub(super) fn concerned(&self, path: &Path) -> Option<PathBuf> {
        let path = path.strip_prefix(&self.root).ok()?;
        let path = if path.extension() == Some(OsStr::new("toml")) { path.with_extension("") } else { path.to_owned() };
        self.admits(&path).then_some(path)
    }

    /// Whether `path`, below the root, is neither hidden, unfinished, a server's nor a result.
    pub(super) fn admits(&self, path: &Path) -> bool {
        let own = self.out.as_ref().is_some_and(|out| path.starts_with(out));
        !own && path.components().all(|part| matches!(part, Component::Normal(name) if !is_foreign(name)))
    }

    /// Whether the admitted file at `path` is to be looked at.
    pub(super) fn is_scan(&self, path: &Path) -> bool {
        has_scan_extension(path) && self.admits(path)
    }
}

fn is_foreign(name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    let ending = Path::new(name).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    text.starts_with(['.', '~'])
        || text.ends_with('~')
        || ending.is_some_and(|ending| UNFINISHED.contains(&ending.as_str()))
        || SERVER_FOLDERS.contains(&text.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_told_from_what_lies_beside_them() {
        let territory = Territory::new(Path::new("/in"), Path::new("/in/results"));
        for (path, expected) in [
            ("a.png", true),
            ("ward 3/B.VOL", true),
            ("a.png.toml", false),
            ("notes.txt", false),
            (".a.png", false),
            ("~a.png", false),
            ("a.png.part", false),
            ("a.png~", false),
            (".cache/a.png", false),
            ("x.tmp/a.png", false),
            ("@eaDir/a.png", false),
            ("results/a.png/overlay.png", false),
            ("results 2/a.png", true),
            ("../a.png", false),
        ] {
            assert_eq!(territory.is_scan(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_sidecar_concerns_its_scan() {
        let territory = Territory::new(Path::new("/in"), Path::new("/out"));
        assert_eq!(territory.concerned(Path::new("/in/a/b.png.toml")), Some(PathBuf::from("a/b.png")));
        assert_eq!(territory.concerned(Path::new("/elsewhere/b.png")), None);
    }
}
