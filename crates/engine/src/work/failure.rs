//! What happens to scans that fail for good: quarantine, in place or moved.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use octrls_core::ErrorCode;
use octrls_fs::{
    mounts::Mount,
    platform::changed_ns,
    writers::{Writers, writers_of},
};
use octrls_report::holds_results;

use super::{
    content::Content,
    processor::ProcessError,
    worker::{Failure, TaskOutcome, WorkerContext},
};
use crate::{
    Level, ledger,
    quarantine::Note,
    schedule::backlog::{MOST_WAITS, QueuedScan},
};

impl WorkerContext {
    /// Whether the file of a scan that failed with `code` may still be growing; if so, whether a program is known to have it
    /// open for writing. As long as one has, the scan waits. If the system cannot tell, it waits several times longer than
    /// usual.
    pub(super) fn may_grow(&self, task: &QueuedScan, code: ErrorCode) -> Option<bool> {
        /// A file that the system last changed that long ago is as whole as it will be.
        const OLD: Duration = Duration::from_mins(10);
        if !code.as_str().starts_with("E-READ-") || code == ErrorCode::ReadIo {
            return None;
        }
        let files = self.files_of(task);
        let is_cut_short = matches!(code, ErrorCode::ReadTruncated | ErrorCode::ReadMalformed);
        match writers_of(&files) {
            Writers::Some => Some(true),
            Writers::Unknown if is_cut_short && task.waits < MOST_WAITS && !is_older(&files, OLD) => Some(false),
            // To copy it would take it from a writer whom nobody sees.
            _ if task.waits == 0 && self.is_moved_on_failure(task) && self.quarantine.copies(&task.path) => Some(false),
            _ => None,
        }
    }

    /// Whether a folder above the scan `name`, below its root, holds results of octrls.
    fn is_among_results(&self, name: &Path) -> bool {
        let (path, root) = (self.roots.locate(name), self.roots.root_of(name));
        let above = path.ancestors().skip(1).take_while(|folder| root.is_some_and(|root| *folder != root));
        above.into_iter().any(holds_results)
    }

    /// Whether the scan leaves its folder when it fails.
    fn is_moved_on_failure(&self, task: &QueuedScan) -> bool {
        self.move_failed && !self.has_several_files(task)
    }

    /// Fails a file that is too large to read. It stays in place, because moving it could fill another disk.
    pub(super) fn reject_too_large(&self, task: &QueuedScan, content: &Content) -> TaskOutcome {
        let reason = format!("the scan has {} bytes, the limit is {}", task.stamp.scan.bytes, self.max_bytes);
        let error = ProcessError { code: ErrorCode::ReadFileSize, reason, transient: false };
        self.fail_in_place(task, content, Failure { error, attempts: 0 })
    }

    /// Fails a scan that stays in place.
    fn fail_in_place(&self, task: &QueuedScan, content: &Content, Failure { error, attempts }: Failure) -> TaskOutcome {
        // Only the note about the current file is kept.
        self.forget_failure(&task.path, Some(content));
        if let Err(problem) = self.quarantine.write_note(&task.path, &note(task, content, &error, attempts)) {
            let text = format!("cannot write the quarantine note of {}: {problem}", task.path.display());
            self.events.notice(Level::Warning, Some(ErrorCode::Quarantine), text);
        }
        // Whether they arrived before or after the rest, they are no scans of their own.
        self.withdraw_parts(task);
        let failure = (error.code, error.reason.as_str());
        match ledger::lock(&self.ledger).quarantined(&task.path, Some(task.stamp), content, failure) {
            Ok(()) => TaskOutcome::Quarantined { error, moved_to: None },
            Err(error) => TaskOutcome::LedgerFailed(error),
        }
    }

    /// Fails a scan and moves it to quarantine, unless failed scans stay. The files of a series or an export always stay in
    /// place, so that a late file, or a good copy of a broken one, finds the others. That also holds for a file that has
    /// become an instance of a series since it was queued.
    pub(super) fn fail(&self, task: &QueuedScan, content: &Content, failure: Failure) -> TaskOutcome {
        if !self.results.is_present() {
            return self.release(content, TaskOutcome::Held(results_gone()));
        }
        // Results of octrls that someone copied or mounted here while the scan was queued.
        let is_among_results = || self.is_among_results(&task.path);
        if !self.is_moved_on_failure(task) || is_among_results() {
            return self.fail_in_place(task, content, failure);
        }
        let Failure { error, attempts } = failure;
        // The note of an earlier failure in place says nothing about this file.
        self.forget_failure(&task.path, Some(content));
        let place = self.quarantine.move_in(&task.path, &note(task, content, &error, attempts));
        let place = place.inspect_err(|problem| {
            let text = format!("cannot move {} to quarantine: {problem}", task.path.display());
            self.events.notice(Level::Warning, Some(ErrorCode::Quarantine), text);
        });
        let in_place = place.is_err().then_some(task.stamp);
        let recorded =
            ledger::lock(&self.ledger).quarantined(&task.path, in_place, content, (error.code, &error.reason));
        if let Err(problem) = recorded {
            self.events.notice(Level::Error, Some(problem.code()), problem.to_string());
        }
        TaskOutcome::Quarantined { error, moved_to: place.ok() }
    }

    /// Removes the quarantine note of a scan that failed in place at `path`, because it has now succeeded, has failed
    /// with other content, or is part of another. `now` is its new content.
    pub(super) fn forget_failure(&self, path: &Path, now: Option<&Content>) {
        let forgotten = match self.quarantine.remove_notes(path) {
            Ok(true) => ledger::lock(&self.ledger).replaced(path, now).map_err(|e| (e.code(), e.to_string())),
            Ok(false) => Ok(()),
            Err(error) => Err((
                ErrorCode::Quarantine,
                format!("cannot remove the quarantine note of {}: {error}", path.display()),
            )),
        };
        if let Err((code, text)) = forgotten {
            self.events.notice(Level::Warning, Some(code), text);
        }
    }
}

/// The folder for results is not there.
pub(super) fn results_gone() -> ProcessError {
    let reason = "the folder for results is gone, or another has taken its place".to_owned();
    ProcessError { code: ErrorCode::OutGone, reason, transient: true }
}

/// Whether the system last changed each of `files`, on disks of this machine, more than `age` ago. Programs cannot set
/// that time.
fn is_older(files: &[PathBuf], age: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as i64);
    let limit = now.saturating_sub(age.as_nanos() as i64);
    files.iter().all(|file| {
        let is_old = fs::symlink_metadata(file).is_ok_and(|found| changed_ns(&found) < limit);
        is_old && Mount::of(file).is_some_and(|mount| !mount.is_share())
    })
}

/// The quarantine note of a failed scan.
fn note<'a>(task: &QueuedScan, content: &'a Content, error: &'a ProcessError, attempts: u32) -> Note<'a> {
    Note::new(&task.path, (error.code, &error.reason), attempts, content.sha256(), task.stamp.scan)
}
