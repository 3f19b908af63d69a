//! The workers: process one scan at a time, from the queue to the ledger.
//!
//! An export's images may be complete before the XML that lists them arrives, and are then processed as scans; so are
//! the first instances of a series. When the whole scan arrives, queued parts are dropped and their results are removed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender};
use jiff::Timestamp;
use octrls_core::ErrorCode;
use octrls_report::Staging;

use super::{
    content::Content,
    guarded::process_guarded,
    processor::{ProcessError, Processor, ScanTask, is_storage_error},
};
use crate::{
    Level, ScanChange, ScanSummary,
    event_sender::EventSender,
    intake::{exports::Exports, roots::Roots, series::Series, stamp::Stamp},
    ledger::{self, Admission, CRASH_CODE, Ledger, LedgerError, StableFile},
    quarantine::{Note, Quarantine},
    schedule::{
        backlog::QueuedScan,
        heartbeat::Heartbeat,
        in_flight::{InFlight, RunningScan},
    },
};

/// How a task ended, with its content.
#[derive(Debug)]
pub(crate) struct EndedTask {
    pub(crate) task: QueuedScan,
    /// Its content, if known.
    pub(crate) content: Option<Content>,
    pub(crate) outcome: TaskOutcome,
    /// Whether the worker finished it. If false, the worker was stuck and is replaced.
    pub(crate) by_worker: bool,
}

/// How a task ended.
#[derive(Debug)]
pub(crate) enum TaskOutcome {
    Done(Arc<ScanSummary>),
    AlreadyDone,
    /// Another worker is processing the same content.
    Busy,
    /// The file has changed since it was queued.
    Changed(Stamp),
    Vanished,
    /// The file system does not answer.
    Unreachable,
    /// The attempt failed; a retry follows.
    Failed {
        error: ProcessError,
        attempt: u32,
    },
    /// Results cannot be written, through no fault of the scan; the attempt does not count.
    Held(ProcessError),
    /// Failed for good; `moved_to` is the path in quarantine if the file was moved.
    Quarantined {
        error: ProcessError,
        moved_to: Option<PathBuf>,
    },
    /// The engine is stopping.
    Aborted,
    LedgerFailed(LedgerError),
}

/// What all workers share.
pub(crate) struct WorkerContext {
    pub(crate) roots: Roots,
    pub(crate) out: PathBuf,
    pub(crate) staging: Staging,
    /// Attempts before a scan fails for good.
    pub(crate) attempts: AtomicU32,
    /// Whether failed scans are moved to quarantine.
    pub(crate) move_failed: bool,
    pub(crate) max_bytes: u64,
    pub(crate) in_flight: InFlight,
    pub(crate) processor: Arc<dyn Processor>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) quarantine: Quarantine,
    pub(crate) events: EventSender,
    /// Set to cancel the running scans.
    pub(crate) abort: Arc<AtomicBool>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) exports: Exports,
    pub(crate) series: Series,
}

/// The scan no longer belongs to this worker, which was stuck and has been replaced.
struct Reassigned;

/// A failed attempt.
struct Failure {
    error: ProcessError,
    attempts: u32,
}

impl WorkerContext {
    /// Processes `tasks` until the channel closes.
    pub(crate) fn work(&self, number: usize, tasks: &Receiver<QueuedScan>, outcomes: &Sender<EndedTask>) {
        for task in tasks {
            let overdue = self.in_flight.start(number, &task);
            let Ok((content, outcome)) = self.run(&task, &overdue) else { return };
            if outcomes.send(EndedTask { task, content, outcome, by_worker: true }).is_err() {
                return;
            }
        }
    }

    /// Fails a scan whose worker is stuck.
    pub(crate) fn fail_stuck(&self, RunningScan { task, content, .. }: RunningScan, outcomes: &Sender<EndedTask>) {
        let known = content.unwrap_or_else(|| Content::unreadable(&task.path));
        let outcome = self.fail(&task, &known, Failure { error: ProcessError::too_long(), attempts: 1 });
        // Fails only if the engine has stopped.
        let _ = outcomes.send(EndedTask { task, content: Some(known), outcome, by_worker: false });
    }

    fn run(&self, task: &QueuedScan, overdue: &AtomicBool) -> Result<(Option<Content>, TaskOutcome), Reassigned> {
        if let Some(outcome) = self.is_part(task).then_some(TaskOutcome::Vanished).or_else(|| self.changed(task)) {
            return self.claim(task).map(|()| (None, outcome));
        }
        if task.stamp.scan.bytes > self.max_bytes {
            self.claim(task)?;
            let content = Content::too_large(&task.path, task.stamp);
            let outcome = self.reject_too_large(task, &content);
            return Ok((Some(content), outcome));
        }
        let is_late = || overdue.load(Ordering::Relaxed);
        let is_cancelled = || {
            self.heartbeat.beat();
            self.is_aborting() || is_late()
        };
        let (content, digests) = match Content::read(&task.files, &is_cancelled) {
            Ok((content, digests)) => (content, Ok(digests)),
            Err(_) if self.is_aborting() => return self.claim(task).map(|()| (None, TaskOutcome::Aborted)),
            Err(_) if is_late() => {
                self.claim(task)?;
                let content = Content::unreadable(&task.path);
                let outcome = self.fail(task, &content, Failure { error: ProcessError::too_long(), attempts: 1 });
                return Ok((Some(content), outcome));
            }
            Err(error) => (Content::unreadable(&task.path), Err(error)),
        };
        if !self.in_flight.set_content(task.id, &content) {
            return Err(Reassigned);
        }
        // If the file changed while it was read, this content never existed on disk.
        let outcome = match self.changed(task) {
            Some(outcome) => self.claim(task).map(|()| outcome)?,
            None => self.admit(task, &content, digests, overdue)?,
        };
        Ok((Some(content), outcome))
    }

    /// Claims the right to settle the task.
    fn claim(&self, task: &QueuedScan) -> Result<(), Reassigned> {
        if self.in_flight.claim(task.id) { Ok(()) } else { Err(Reassigned) }
    }

    /// Asks the ledger what to do, and runs an attempt if one is due. `digests` are those of the files, if they can be
    /// read.
    fn admit(
        &self,
        task: &QueuedScan,
        content: &Content,
        digests: io::Result<Vec<String>>,
        overdue: &AtomicBool,
    ) -> Result<TaskOutcome, Reassigned> {
        let found = StableFile { path: &task.path, stamp: task.stamp, queued: task.queued };
        let attempts = self.attempts.load(Ordering::Relaxed);
        let admission = ledger::lock(&self.ledger).begin(found, content, attempts);
        let attempt = match admission {
            Ok(Admission::Run { attempt }) => attempt,
            Ok(Admission::AlreadyDone) => return self.claim(task).map(|()| TaskOutcome::AlreadyDone),
            Ok(Admission::Busy) => return self.claim(task).map(|()| TaskOutcome::Busy),
            Ok(Admission::Exhausted { attempts, reason }) => {
                self.claim(task)?;
                let error = ProcessError { code: CRASH_CODE, reason, transient: false };
                return Ok(self.fail(task, content, Failure { error, attempts }));
            }
            Err(error) => return self.claim(task).map(|()| TaskOutcome::LedgerFailed(error)),
        };
        self.events.scan(task.id, ScanChange::Running { attempt });
        let result = match digests {
            Err(error) => Err(ProcessError {
                code: ErrorCode::ReadIo,
                reason: format!("cannot read the file: {error}"),
                transient: true,
            }),
            Ok(digests) => match self.process(task, (content, &digests), attempt, overdue) {
                Some(result) => result,
                None => return self.claim(task).map(|()| self.release(content, TaskOutcome::Aborted)),
            },
        };
        let changed = self.changed(task);
        self.claim(task)?;
        Ok(self.settle(task, content, attempt, (result, changed)))
    }

    /// Records how an attempt ended.
    fn settle(
        &self,
        task: &QueuedScan,
        content: &Content,
        attempt: u32,
        outcome: (Result<ScanSummary, ProcessError>, Option<TaskOutcome>),
    ) -> TaskOutcome {
        match outcome {
            // The whole scan arrived meanwhile; a part is not failed on its own either.
            _ if self.is_part(task) => self.set_aside(task, content),
            (_, Some(changed @ TaskOutcome::Changed(_))) => self.release(content, changed),
            (Ok(summary), _) => {
                self.discard_earlier(task, content);
                let recorded = ledger::lock(&self.ledger).done(&task.path, task.stamp, content);
                match recorded {
                    Ok(()) => {
                        self.withdraw_parts(task);
                        self.forget_failure(&task.path, Some(content));
                        TaskOutcome::Done(Arc::new(summary))
                    }
                    Err(error) => TaskOutcome::LedgerFailed(error),
                }
            }
            (Err(_), Some(outcome)) => self.release(content, outcome),
            (Err(error), None) if error.is_put_off() => self.release(content, TaskOutcome::Aborted),
            (Err(error), None) if is_storage_error(error.code) => self.release(content, TaskOutcome::Held(error)),
            (Err(error), None) if error.transient && attempt < self.attempts.load(Ordering::Relaxed) => {
                match ledger::lock(&self.ledger).failed(content, error.code, &error.reason) {
                    Ok(()) => TaskOutcome::Failed { error, attempt },
                    Err(error) => TaskOutcome::LedgerFailed(error),
                }
            }
            (Err(error), None) => self.fail(task, content, Failure { error, attempts: attempt }),
        }
    }

    /// Removes earlier results of the same content under another path.
    fn discard_earlier(&self, task: &QueuedScan, content: &Content) {
        let earlier = ledger::lock(&self.ledger).earlier_result(content);
        let Ok(Some(earlier)) = earlier else { return };
        if earlier != task.path
            && let Err(error) = self.staging.discard(&self.out.join(&earlier))
        {
            let text = format!("cannot remove earlier results in {}: {error}", earlier.display());
            self.events.notice(Level::Warning, Some(error.code()), text);
        }
    }

    /// Runs the processor; `None` if the engine is stopping.
    fn process(
        &self,
        task: &QueuedScan,
        (content, digests): (&Content, &[String]),
        attempt: u32,
        overdue: &AtomicBool,
    ) -> Option<Result<ScanSummary, ProcessError>> {
        let is_cancelled = || self.is_aborting() || overdue.load(Ordering::Relaxed);
        let mut is_waiting = false;
        let mut report = |change| {
            self.heartbeat.beat();
            let waits_now = match change {
                ScanChange::Queued => true,
                ScanChange::Running { .. } => false,
                other => return self.events.scan(task.id, other),
            };
            self.in_flight.restart_time_limit(task.id);
            if std::mem::replace(&mut is_waiting, waits_now) != waits_now {
                self.events.scan(task.id, if waits_now { ScanChange::Queued } else { ScanChange::Running { attempt } });
            }
        };
        let (files, name, out) = (&*task.files, task.path.as_path(), self.out.join(&task.path));
        let scan = ScanTask { files, name, sha256: content.sha256().unwrap_or_default(), digests, out: &out };
        let result = process_guarded(&*self.processor, &scan, &is_cancelled, &mut report);
        result.or_else(|| (!self.is_aborting()).then(|| Err(ProcessError::too_long())))
    }

    /// Ends an attempt that does not count.
    fn release(&self, content: &Content, outcome: TaskOutcome) -> TaskOutcome {
        match ledger::lock(&self.ledger).release(content) {
            Ok(()) => outcome,
            Err(error) => TaskOutcome::LedgerFailed(error),
        }
    }

    /// Fails a file that is too large to read. It stays in place, because moving it could fill another disk.
    fn reject_too_large(&self, task: &QueuedScan, content: &Content) -> TaskOutcome {
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
        let failure = (error.code, error.reason.as_str());
        match ledger::lock(&self.ledger).quarantined(&task.path, Some(task.stamp), content, failure) {
            Ok(()) => TaskOutcome::Quarantined { error, moved_to: None },
            Err(error) => TaskOutcome::LedgerFailed(error),
        }
    }

    /// Fails a scan and moves it to quarantine, unless failed scans stay. The files of a series always stay in place, so
    /// that a late instance, or a good copy of a broken one, finds the others. That also holds for a file that has become
    /// an instance of a series since it was queued.
    fn fail(&self, task: &QueuedScan, content: &Content, failure: Failure) -> TaskOutcome {
        if !self.move_failed || self.is_of_series(task) {
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

    /// Whether the scan was a series of several files when it was queued, or is now part of one.
    fn is_of_series(&self, task: &QueuedScan) -> bool {
        let path = self.roots.locate(&task.path);
        let present = self.series.files(&self.series.head(&path).unwrap_or(path));
        [&*task.files, &present].iter().any(|files| !files.instances().is_empty())
    }

    /// How the file differs from the one that was queued; `None` if it is unchanged.
    fn changed(&self, task: &QueuedScan) -> Option<TaskOutcome> {
        match self.series.current_stamp(&self.roots.locate(&task.path)) {
            Ok(Some(stamp)) if stamp == task.stamp => None,
            Ok(Some(stamp)) => Some(TaskOutcome::Changed(stamp)),
            Ok(None) => Some(TaskOutcome::Vanished),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.has_root(&task.path) => {
                Some(TaskOutcome::Vanished)
            }
            Err(_) => Some(TaskOutcome::Unreachable),
        }
    }

    /// Whether the scan of `task` turned out to be part of another.
    fn is_part(&self, task: &QueuedScan) -> bool {
        let path = self.roots.locate(&task.path);
        self.exports.lists(&path) || self.series.is_follower(&path)
    }

    /// Removes results that images of the export of `task`, or other instances of its series, had as separate scans.
    fn withdraw_parts(&self, task: &QueuedScan) {
        let files = &task.files;
        let export = self.exports.parts(files.path()).map(|parts| parts.files()).unwrap_or_default();
        let instances = files.instances().iter().filter(|file| *file != files.path());
        let mut count = 0;
        for part in export.iter().chain(instances).filter_map(|file| self.roots.name(file)) {
            self.forget_failure(&part, None);
            let withdrawn = ledger::lock(&self.ledger).withdraw(&part);
            match withdrawn {
                Ok(true) => count += u32::from(self.withdraw(&part)),
                Ok(false) => {}
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

    /// Removes the quarantine note of a scan that failed in place at `path`, because it has now succeeded, has failed
    /// with other content, or is part of another. `now` is its new content.
    fn forget_failure(&self, path: &Path, now: Option<&Content>) {
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

    /// Records that a running scan turned out to be part of another, and removes its results.
    fn set_aside(&self, task: &QueuedScan, content: &Content) -> TaskOutcome {
        self.withdraw(&task.path);
        match ledger::lock(&self.ledger).set_aside(content) {
            Ok(()) => TaskOutcome::Vanished,
            Err(error) => TaskOutcome::LedgerFailed(error),
        }
    }

    /// Removes the results of the part called `name`.
    fn withdraw(&self, name: &Path) -> bool {
        self.staging.discard(&self.out.join(name)).unwrap_or_else(|error| {
            let text = format!("cannot remove the results in {}: {error}", name.display());
            self.events.notice(Level::Warning, Some(error.code()), text);
            false
        })
    }

    fn has_root(&self, path: &Path) -> bool {
        self.roots.root_of(path).is_some_and(Path::is_dir)
    }

    fn is_aborting(&self) -> bool {
        self.abort.load(Ordering::Relaxed)
    }
}

/// The quarantine note of a failed scan.
fn note<'a>(task: &QueuedScan, content: &'a Content, error: &'a ProcessError, attempts: u32) -> Note<'a> {
    Note {
        code: error.code,
        reason: &error.reason,
        attempts,
        path: task.path.display().to_string(),
        sha256: content.sha256(),
        time: Timestamp::now(),
        octrls: env!("CARGO_PKG_VERSION"),
    }
}
