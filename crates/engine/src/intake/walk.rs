//! Walks through the folders of a root.

use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crossbeam_channel::TryRecvError;
use octrls_core::ErrorCode;
use octrls_fs::platform::is_out_of_resources;
use octrls_readers::may_have_parts;
use octrls_report::holds_results;
use walkdir::WalkDir;

use super::watcher::{Finding, Stopped, Watcher};
use crate::Level;

/// Time before another walk after one that lacked resources.
const WALK_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Watcher {
    /// Checks all scans in a folder below the root; returns whether the folder could be walked.
    pub(super) fn walk(&mut self, folder: &Path) -> Result<bool, Stopped> {
        let scope = self.scope.clone();
        let below = |path: &Path| path.strip_prefix(scope.root()).map(Path::to_owned).unwrap_or_default();
        self.walks += 1;
        // The files of a folder come together, before its subfolders.
        let mut current = None;
        let results = RefCell::new(None);
        let entries = WalkDir::new(scope.root().join(folder))
            .follow_links(false)
            // Exports come before the images that they list.
            .sort_by_key(|entry| (entry.file_type().is_dir(), !may_have_parts(entry.path())))
            .into_iter()
            .filter_entry(|entry| {
                if entry.depth() == 0 {
                    return true;
                }
                let holds_results =
                    scope.admits(&below(entry.path())) && entry.file_type().is_dir() && holds_results(entry.path());
                if holds_results {
                    results.borrow_mut().get_or_insert_with(|| below(entry.path()));
                }
                !holds_results && scope.admits(&below(entry.path()))
            });
        for entry in entries {
            self.interrupt_walk()?;
            match entry {
                Ok(entry) => {
                    let path = below(entry.path());
                    if entry.file_type().is_file() && entry.path().parent() != current.as_deref() {
                        self.leave_folder(current)?;
                        current = entry.path().parent().map(Path::to_owned);
                    }
                    if entry.file_type().is_file() && scope.is_scan(&path) {
                        self.inspect(path)?;
                    } else if self.passed_by.is_some() && entry.file_type().is_file() && scope.is_passed_by(&path) {
                        self.passed_by = self.passed_by.map(|files| files + 1);
                    }
                }
                Err(error) if error.io_error().is_some_and(is_out_of_resources) => {
                    // A walk that misses folders is none.
                    self.next_walk = Instant::now() + WALK_AGAIN_AFTER;
                    self.report_resources(&error)?;
                    return Ok(false);
                }
                Err(error) if error.depth() == 0 && folder.as_os_str().is_empty() => {
                    self.probe()?;
                    return Ok(false);
                }
                Err(error) => self.report_unreadable(&error)?,
            }
            if self.root.is_none() {
                return Ok(false);
            }
        }
        self.leave_folder(current)?;
        self.lacks_resources = false;
        if let Some(folder) = results.take() {
            self.tell_of_results(&folder)?;
        }
        Ok(true)
    }

    /// Says once that a folder with results is passed by.
    fn tell_of_results(&mut self, folder: &Path) -> Result<(), Stopped> {
        if std::mem::replace(&mut self.has_told_of_results, true) {
            return Ok(());
        }
        let text = format!(
            "{} holds results of octrls; nothing in it, or in others like it, is taken for a scan",
            self.name.join(folder).display()
        );
        self.report(Finding::Notice(Level::Info, ErrorCode::WatchResults, text))
    }

    /// Does what must not wait for the end of a long walk.
    fn interrupt_walk(&mut self) -> Result<(), Stopped> {
        self.heartbeat.beat();
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.on_request(request)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Stopped),
            }
        }
        while let Ok(hint) = self.hints.1.try_recv() {
            self.on_hint(hint)?;
        }
        self.check_due()
    }

    /// Notes instances that have disappeared from a folder, and looks at its series. Called after a walk has inspected
    /// all files of the folder.
    fn leave_folder(&mut self, folder: Option<PathBuf>) -> Result<(), Stopped> {
        if let Some(folder) = folder {
            self.instances.extend(self.series.finish_walk(&folder, self.walks));
        }
        self.sight_scans(Instant::now())
    }

    /// Reports once how many files are no scans, so that an empty outcome is not silent.
    pub(super) fn report_passed_by(&mut self) -> Result<(), Stopped> {
        match self.passed_by.take() {
            None | Some(0) => Ok(()),
            Some(files) => {
                let text = match files {
                    1 => "1 file is no scan and is passed by".to_owned(),
                    _ => format!("{files} files are no scans and are passed by"),
                };
                self.report(Finding::Notice(Level::Info, ErrorCode::WatchPassedBy, text))
            }
        }
    }

    /// Reports that folders cannot be read because this process has no file descriptors or memory left, once until a walk
    /// succeeds.
    fn report_resources(&mut self, error: &walkdir::Error) -> Result<(), Stopped> {
        if std::mem::replace(&mut self.lacks_resources, true) {
            return Ok(());
        }
        let cause = error.io_error().map(ToString::to_string).unwrap_or_default();
        let text = format!("cannot look for scans, trying again: {cause}");
        self.report(Finding::Notice(Level::Warning, ErrorCode::Resources, text))
    }

    fn report_unreadable(&mut self, error: &walkdir::Error) -> Result<(), Stopped> {
        let is_gone = error.io_error().is_some_and(|io| io.kind() == io::ErrorKind::NotFound);
        let path = error.path().and_then(|path| path.strip_prefix(self.scope.root()).ok()).unwrap_or(Path::new(""));
        if is_gone || !self.unreadable.insert(path.to_owned()) {
            return Ok(());
        }
        let cause = error.io_error().map(ToString::to_string).unwrap_or_default();
        let text = format!("cannot read the folder {}: {cause}", self.name.join(path).display());
        self.report(Finding::Notice(Level::Warning, ErrorCode::WatchUnreadable, text))
    }
}
