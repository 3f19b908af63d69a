//! Files that are parts of an export folder, not scans of their own.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use octrls_readers as scan;
use octrls_readers::ExportParts;

use super::stamp::Stamp;

/// The exports seen so far and the images that each lists. Shared by watchers and workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exports {
    by_folder: Arc<Mutex<HashMap<PathBuf, Vec<Export>>>>,
}

#[derive(Debug)]
struct Export {
    path: PathBuf,
    stamp: Stamp,
    parts: Arc<ExportParts>,
}

impl Exports {
    /// Records the file at `path`, which has `stamp`. A changed file is read again.
    pub(crate) fn record(&self, path: &Path, stamp: Stamp) {
        let Some(folder) = path.parent().filter(|_| scan::may_have_parts(path)) else { return };
        let known = |e: &Export| e.path == path && e.stamp == stamp;
        if self.all().get(folder).is_some_and(|exports| exports.iter().any(known)) {
            return;
        }
        // Read without the lock: a file on a slow share must not block others.
        let parts = Arc::new(scan::parts(path));
        let mut all = self.all();
        let exports = all.entry(folder.to_owned()).or_default();
        exports.retain(|e| e.path != path);
        exports.push(Export { path: path.to_owned(), stamp, parts });
    }

    /// Records that there is no file at `path`.
    pub(crate) fn remove(&self, path: &Path) {
        let mut all = self.all();
        let Some(exports) = path.parent().and_then(|folder| all.get_mut(folder)) else { return };
        exports.retain(|e| e.path != path);
    }

    /// Whether an export lists the file at `path`.
    pub(crate) fn lists(&self, path: &Path) -> bool {
        let all = self.all();
        let near = path.ancestors().skip(1).take(2).filter_map(|folder| all.get(folder));
        near.flatten().any(|export| export.parts.contains(path))
    }

    /// The parts that the export at `path` lists.
    pub(crate) fn parts(&self, path: &Path) -> Option<Arc<ExportParts>> {
        let all = self.all();
        let export = all.get(path.parent()?)?.iter().find(|e| e.path == path)?;
        Some(Arc::clone(&export.parts))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<Export>>> {
        self.by_folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
