//! Files that are parts of an export folder, not scans of their own.
//!
//! An export's images may be complete before the XML that lists them arrives, and are then processed as scans. When the
//! XML arrives, queued images are dropped and existing results are removed.

use octrls_core::ErrorCode;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Level,
    backlog::Task,
    content::Content,
    stamp::Stamp,
    worker::{Verdict, WorkerContext, lock},
};
use octrls_readers as scan;
use octrls_readers::ExportParts;

/// The exports seen so far and the images that each lists. Shared by watchers and workers.
#[derive(Clone, Debug, Default)]
pub(super) struct Exports {
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
    pub(super) fn sighted(&self, path: &Path, stamp: Stamp) {
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
    pub(super) fn gone(&self, path: &Path) {
        let mut all = self.all();
        let Some(exports) = path.parent().and_then(|folder| all.get_mut(folder)) else { return };
        exports.retain(|e| e.path != path);
    }

    /// Whether an export lists the file at `path`.
    pub(super) fn list(&self, path: &Path) -> bool {
        let all = self.all();
        let near = path.ancestors().skip(1).take(2).filter_map(|folder| all.get(folder));
        near.flatten().any(|export| export.parts.contains(path))
    }

    /// The parts that the export at `path` lists.
    fn parts(&self, path: &Path) -> Option<Arc<ExportParts>> {
        let all = self.all();
        let export = all.get(path.parent()?)?.iter().find(|e| e.path == path)?;
        Some(Arc::clone(&export.parts))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<Export>>> {
        self.by_folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerContext {
    /// Whether the scan of `task` turned out to be part of another.
    pub(super) fn is_part(&self, task: &Task) -> bool {
        let path = self.roots.locate(&task.path);
        self.exports.list(&path) || self.series.is_follower(&path)
    }

    /// Removes results that images of the export of `task`, or other instances of its series, had as separate scans.
    pub(super) fn withdraw_parts(&self, task: &Task) {
        let files = &task.files;
        let export = self.exports.parts(files.path()).map(|parts| parts.files()).unwrap_or_default();
        let instances = files.instances().iter().filter(|file| *file != files.path());
        let mut count = 0;
        for part in export.iter().chain(instances).filter_map(|file| self.roots.name(file)) {
            self.forget_given_up(&part, None);
            let withdrawn = lock(&self.ledger).withdraw(&part);
            match withdrawn {
                Ok(true) => count += u32::from(self.withdraw(&part)),
                Ok(false) => {}
                Err(error) => self.outlet.notice(Level::Warning, Some(error.code()), error.to_string()),
            }
        }
        if count > 0 {
            let text = format!(
                "{} includes {count} files that had separate results; these results were removed",
                task.path.display()
            );
            self.outlet.notice(Level::Info, None, text);
        }
    }

    /// Removes the quarantine note of a scan that failed in place at `path`, because it has now succeeded or is part of
    /// another. `now` is its new content.
    pub(super) fn forget_given_up(&self, path: &Path, now: Option<&Content>) {
        let forgotten = match self.quarantine.forget_note(path) {
            Ok(true) => lock(&self.ledger).replaced(path, now).map_err(|e| (e.code(), e.to_string())),
            Ok(false) => Ok(()),
            Err(error) => Err((
                ErrorCode::Quarantine,
                format!("cannot remove the quarantine note of {}: {error}", path.display()),
            )),
        };
        if let Err((code, text)) = forgotten {
            self.outlet.notice(Level::Warning, Some(code), text);
        }
    }

    /// Records that a running scan turned out to be part of another, and removes its results.
    pub(super) fn set_aside(&self, task: &Task, content: &Content) -> Verdict {
        self.withdraw(&task.path);
        match lock(&self.ledger).set_aside(content) {
            Ok(()) => Verdict::Vanished,
            Err(error) => Verdict::LedgerFailed(error),
        }
    }

    /// Removes the results of the part called `name`.
    pub(super) fn withdraw(&self, name: &Path) -> bool {
        self.staging.discard(&self.out.join(name)).unwrap_or_else(|error| {
            let text = format!("cannot remove the results in {}: {error}", name.display());
            self.outlet.notice(Level::Warning, Some(error.code()), text);
            false
        })
    }
}
