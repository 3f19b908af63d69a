//! Scans that turn out to be parts of another: images of an export, instances of a series.

use std::path::PathBuf;

use octrls_core::ErrorCode;

use super::{
    content::Content,
    worker::{TaskOutcome, WorkerContext},
};
use crate::{Level, ledger, schedule::backlog::QueuedScan};

impl WorkerContext {
    /// Whether the scan was a series of several files when it was queued, or is now part of one, or is an export.
    pub(super) fn has_several_files(&self, task: &QueuedScan) -> bool {
        let path = self.roots.locate(&task.path);
        if self.exports.has_images(&path) {
            return true;
        }
        let present = self.series.files(&self.series.head(&path).unwrap_or(path));
        [&*task.files, &present].iter().any(|files| !files.instances().is_empty())
    }

    /// All files of the scan of `task`.
    pub(super) fn files_of(&self, task: &QueuedScan) -> Vec<PathBuf> {
        let path = task.files.path();
        let instances = task.files.instances().iter().filter(|file| *file != path).cloned();
        [path.to_owned()].into_iter().chain(instances).chain(self.exports.images(path)).collect()
    }

    /// Whether the scan of `task` turned out to be part of another.
    pub(super) fn is_part(&self, task: &QueuedScan) -> bool {
        let path = self.roots.locate(&task.path);
        self.exports.lists(&path) || self.series.is_follower(&path)
    }

    /// Removes results that images of the export of `task`, or other instances of its series, had as separate scans.
    pub(super) fn withdraw_parts(&self, task: &QueuedScan) {
        let files = &task.files;
        let export = self.exports.images(files.path());
        let instances = files.instances().iter().filter(|file| *file != files.path());
        let replaced = self.series.replaced(files.path());
        self.withdraw_replaced(&replaced);
        let mut count = 0;
        for part in export.iter().chain(instances).filter_map(|file| self.roots.name(file)) {
            self.forget_failure(&part, None);
            match self.results.withdraw(&part) {
                Ok(removed) => count += u32::from(removed),
                Err(error) => self.events.notice(Level::Warning, Some(error.code()), error.to_string()),
            }
        }
        if count > 0 {
            let text = format!(
                "{} includes {count} files that had separate results; these results were removed",
                task.path.display()
            );
            self.events.notice(Level::Info, None, text);
        }
    }

    /// Removes results of the files `replaced`, for which newer files of the same instance stand, and records why.
    fn withdraw_replaced(&self, replaced: &[PathBuf]) {
        const WHY: &str = "the same instance was sent again for another patient";
        for older in replaced.iter().filter_map(|file| self.roots.name(file)) {
            self.forget_failure(&older, None);
            let withdrawn = self
                .results
                .withdraw(&older)
                .and_then(|_| ledger::lock(&self.ledger).explain_superseded(&older, ErrorCode::ScanReplaced, WHY));
            if let Err(error) = withdrawn {
                self.events.notice(Level::Warning, Some(error.code()), error.to_string());
            }
        }
    }

    /// Records that a running scan turned out to be part of another, and removes its results.
    pub(super) fn set_aside(&self, task: &QueuedScan, content: &Content) -> TaskOutcome {
        match self.results.set_aside(&task.path, content) {
            Ok(()) => TaskOutcome::Vanished,
            Err(error) => TaskOutcome::LedgerFailed(error),
        }
    }
}
