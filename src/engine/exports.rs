//! Files that are no scans of their own but parts of an export folder.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::stamp::Stamp;
use crate::scan::{self, ExportParts};

/// The exports that were sighted, and the images that each lists.
#[derive(Debug, Default)]
pub(super) struct Exports {
    by_folder: HashMap<PathBuf, Vec<Export>>,
}

#[derive(Debug)]
struct Export {
    path: PathBuf,
    stamp: Stamp,
    parts: ExportParts,
}

impl Exports {
    /// Takes note of the file at `path`, which looks like `stamp`; a changed one is read again.
    pub(super) fn sighted(&mut self, path: &Path, stamp: Stamp) {
        let Some(folder) = path.parent().filter(|_| scan::may_have_parts(path)) else { return };
        let exports = self.by_folder.entry(folder.to_owned()).or_default();
        if !exports.iter().any(|e| e.path == path && e.stamp == stamp) {
            exports.retain(|e| e.path != path);
            exports.push(Export { path: path.to_owned(), stamp, parts: scan::parts(path) });
        }
    }

    /// Takes note that there is no file at `path`.
    pub(super) fn gone(&mut self, path: &Path) {
        let Some(exports) = path.parent().and_then(|folder| self.by_folder.get_mut(folder)) else { return };
        exports.retain(|e| e.path != path);
    }

    /// Whether an export lists the file at `path`.
    pub(super) fn list(&self, path: &Path) -> bool {
        let near = path.ancestors().skip(1).take(2).filter_map(|folder| self.by_folder.get(folder));
        near.flatten().any(|export| export.parts.contains(path))
    }
}
