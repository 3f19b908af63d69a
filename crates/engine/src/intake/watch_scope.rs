//! Decides which files below the root may be scans: by name, and by content where a name does not tell.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use super::filter::Filter;
use octrls_fs::within::Within;
use octrls_readers::may_be_scan_within;
use octrls_report::holds_results;

/// Extensions that programs give to unfinished files.
const UNFINISHED: [&str; 10] =
    ["crdownload", "download", "filepart", "incomplete", "opdownload", "part", "partial", "temp", "tmp", "uploading"];

/// Folders where file servers keep thumbnails and deleted files.
const SERVER_FOLDERS: [&str; 4] = ["$RECYCLE.BIN", "@eaDir", "#recycle", "System Volume Information"];

/// The part of a watched root where scans may be.
#[derive(Clone, Debug)]
pub(crate) struct WatchScope {
    root: PathBuf,
    /// Only files below the root are opened, and through no link.
    within: Within,
    /// The results folder, if it lies below the root.
    out: Option<PathBuf>,
    filter: Filter,
}

impl WatchScope {
    /// Both paths must be canonical.
    pub(crate) fn new(root: &Path, out: &Path, filter: Filter) -> Self {
        Self {
            root: root.to_owned(),
            within: Within::folder(root),
            out: out.strip_prefix(root).ok().map(Path::to_owned),
            filter,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where files of scans may be opened.
    pub(crate) const fn within(&self) -> &Within {
        &self.within
    }

    /// The file, as a path below the root, that a change of the absolute path `path` is about. A change of a sidecar is
    /// about its scan. `None` if the file is out of scope.
    pub(crate) fn affected_file(&self, path: &Path) -> Option<PathBuf> {
        let path = path.strip_prefix(&self.root).ok()?;
        let path = if path.extension() == Some(OsStr::new("toml")) { path.with_extension("") } else { path.to_owned() };
        self.admits(&path).then_some(path)
    }

    /// Whether `path`, below the root, is none of: hidden, unfinished, a server's file, a result, excluded.
    pub(crate) fn admits(&self, path: &Path) -> bool {
        let is_result = self.out.as_ref().is_some_and(|out| path.starts_with(out));
        let is_admitted = |part| matches!(part, Component::Normal(name) if !is_ignored(name));
        !is_result && path.components().all(is_admitted) && self.filter.admits(path)
    }

    /// Whether a folder above `path` holds results of octrls, wherever they come from. Nothing in it is a scan.
    pub(crate) fn is_among_results(&self, path: &Path) -> bool {
        let above = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        above.into_iter().any(|folder| holds_results(&self.root.join(folder)))
    }

    /// Whether to check the file at `path`.
    pub(crate) fn is_scan(&self, path: &Path) -> bool {
        self.is_wanted(path) && may_be_scan_within(&self.root.join(path), &self.within)
    }

    /// Whether the file at `path` is one that the operator may take for a scan, though it is none.
    pub(crate) fn is_passed_by(&self, path: &Path) -> bool {
        let is_sidecar = path.extension() == Some(OsStr::new("toml"));
        !is_sidecar && self.is_wanted(path) && !may_be_scan_within(&self.root.join(path), &self.within)
    }

    fn is_wanted(&self, path: &Path) -> bool {
        self.filter.wants(path) && self.admits(path)
    }
}

fn is_ignored(name: &OsStr) -> bool {
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
    use crate::EngineOptions;

    fn scope_of(out: &str) -> WatchScope {
        let options = EngineOptions { exclude: vec!["trial".into()], ..EngineOptions::new("/in", out) };
        WatchScope::new(Path::new("/in"), Path::new(out), Filter::of(&options).unwrap())
    }

    #[test]
    fn scans_are_distinguished_from_other_files() {
        let scope = scope_of("/in/results");
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
            ("trial/a.png", false),
            ("../a.png", false),
        ] {
            assert_eq!(scope.is_scan(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_sidecar_concerns_its_scan() {
        let scope = scope_of("/out");
        assert_eq!(scope.affected_file(Path::new("/in/a/b.png.toml")), Some(PathBuf::from("a/b.png")));
        assert_eq!(scope.affected_file(Path::new("/elsewhere/b.png")), None);
    }
}
