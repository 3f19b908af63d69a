//! The workers: process one scan at a time, from the queue to the ledger.
//!
//! An export's images may be complete before the XML that lists them arrives, and are then processed as scans; so are
//! the first instances of a series. When the whole scan arrives, queued parts are dropped and their results are removed
//! (`parts`).

use std::{
    cell::{Cell, RefCell},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender};
use octrls_core::ErrorCode;
use octrls_fs::platform::is_out_of_resources;
use octrls_report::EarlierResult;

use super::{
    content::Content,
    failure::results_gone,
    guarded::process_guarded,
    processor::{ProcessError, Processor, ScanTask, is_environment_error},
    results::ResultFolders,
};
use crate::{
    Level, ScanChange, ScanSummary,
    event_sender::EventSender,
    folders::result_folder,
    intake::{exports::Exports, roots::Roots, series::Series, stamp::Stamp},
    ledger::{self, Admission, CRASH_CODE, Ledger, LedgerError, StableFile},
    quarantine::Quarantine,
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
    /// Another content must come first, see [`Admission::After`].
    Waiting(Content),
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
    /// The file ends early, and may still grow; the attempt does not count. `is_open` tells whether a program is known to
    /// have it open for writing.
    Growing {
        error: ProcessError,
        is_open: bool,
    },
    /// The machine is at fault, not the scan; the attempt does not count.
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
    pub(crate) results: ResultFolders,
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
    /// Set when the engine cannot go on.
    pub(crate) is_broken: Arc<AtomicBool>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) exports: Exports,
    pub(crate) series: Series,
}

/// The scan no longer belongs to this worker, which was stuck and has been replaced.
struct Reassigned;

/// A failed attempt.
pub(super) struct Failure {
    pub(super) error: ProcessError,
    pub(super) attempts: u32,
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
        let images = self.exports.images(task.files.path());
        let (content, digests) = match Content::read(&task.files, &images, &is_cancelled) {
            Ok((content, digests)) => (content, Ok(digests)),
            Err(_) if self.is_aborting() => return self.claim(task).map(|()| (None, TaskOutcome::Aborted)),
            Err(_) if is_late() => {
                self.claim(task)?;
                let content = Content::unreadable(&task.path);
                let outcome = self.fail(task, &content, Failure { error: ProcessError::too_long(), attempts: 1 });
                return Ok((Some(content), outcome));
            }
            Err(error) if is_out_of_resources(&error) => {
                return self.claim(task).map(|()| (None, TaskOutcome::Held(ProcessError::out_of_resources(&error))));
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
            Ok(Admission::AlreadyDone) => {
                self.claim(task)?;
                self.withdraw_parts(task);
                return Ok(TaskOutcome::AlreadyDone);
            }
            Ok(Admission::Busy) => return self.claim(task).map(|()| TaskOutcome::Busy),
            Ok(Admission::After { other }) => return self.claim(task).map(|()| TaskOutcome::Waiting(other)),
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
            (result, Some(changed @ TaskOutcome::Changed(_))) => {
                // They may be of neither content.
                if result.is_ok() {
                    self.retract(task);
                }
                self.release(content, changed)
            }
            (Ok(summary), _) => match self.results.finish(&task.path, task.stamp, content) {
                Ok(()) => {
                    self.withdraw_parts(task);
                    self.forget_failure(&task.path, Some(content));
                    TaskOutcome::Done(Arc::new(summary))
                }
                Err(error) => TaskOutcome::LedgerFailed(error),
            },
            (Err(_), Some(outcome)) => self.release(content, outcome),
            (Err(error), None) if error.is_put_off() => self.release(content, TaskOutcome::Aborted),
            (Err(error), None) if is_environment_error(error.code) => self.release(content, TaskOutcome::Held(error)),
            (Err(error), None) if let Some(is_open) = self.may_grow(task, error.code) => {
                self.release(content, TaskOutcome::Growing { error, is_open })
            }
            (Err(error), None) if error.transient && attempt < self.attempts.load(Ordering::Relaxed) => {
                match ledger::lock(&self.ledger).failed(content, error.code, &error.reason) {
                    Ok(()) => TaskOutcome::Failed { error, attempt },
                    Err(error) => TaskOutcome::LedgerFailed(error),
                }
            }
            (Err(error), None) => self.fail(task, content, Failure { error, attempts: attempt }),
        }
    }

    /// The result that a new one at `out` replaces: the one there, else one of the same content under another path.
    fn earlier(&self, out: &Path, content: &Content) -> EarlierResult {
        let there = EarlierResult::read(out);
        if !there.is_empty() {
            return there;
        }
        let elsewhere = ledger::lock(&self.ledger).earlier_result(content).ok().flatten();
        elsewhere.map(|path| EarlierResult::read(&self.results.out.join(path))).unwrap_or_default()
    }

    /// Runs the processor; `None` if the engine is stopping.
    fn process(
        &self,
        task: &QueuedScan,
        (content, digests): (&Content, &[String]),
        attempt: u32,
        overdue: &AtomicBool,
    ) -> Option<Result<ScanSummary, ProcessError>> {
        let (claim, refusal) = (Cell::new(None), RefCell::new(None));
        let is_cancelled = || self.is_aborting() || overdue.load(Ordering::Relaxed) || refusal.borrow().is_some();
        let mut is_waiting = false;
        let mut report = |change| {
            self.heartbeat.beat();
            let waits_now = match change {
                ScanChange::Queued => true,
                ScanChange::Running { .. } => false,
                other => return self.events.scan(task.id, other),
            };
            if !waits_now && claim.get().is_none() {
                match self.claim_folder(task, content) {
                    Ok(has_displaced) => claim.set(Some(has_displaced)),
                    Err(error) => _ = refusal.replace(Some(error)),
                }
            }
            self.in_flight.restart_time_limit(task.id);
            if std::mem::replace(&mut is_waiting, waits_now) != waits_now {
                self.events.scan(task.id, if waits_now { ScanChange::Queued } else { ScanChange::Running { attempt } });
            }
        };
        let (files, name, out) = (&*task.files, task.path.as_path(), self.results.out.join(result_folder(&task.path)));
        let earlier = &self.earlier(&out, content);
        let sha256 = content.sha256().unwrap_or_default();
        let scan = ScanTask { files, name, sha256, digests, out: &out, earlier };
        let result = process_guarded(&*self.processor, &scan, &is_cancelled, &mut report);
        if claim.get() == Some(true) && !matches!(result, Some(Ok(_))) {
            self.retract(task);
        }
        result
            .or_else(|| refusal.take().map(Err))
            .or_else(|| (!self.is_aborting()).then(|| Err(ProcessError::too_long())))
    }

    /// Claims the result folder of `task` for `content`, since results may follow at once. Returns whether another content
    /// has lost its results by this.
    fn claim_folder(&self, task: &QueuedScan, content: &Content) -> Result<bool, ProcessError> {
        if self.changed(task).is_some() {
            return Err(ProcessError::put_off());
        }
        if !self.results.is_present() {
            return Err(results_gone());
        }
        let failed = |error: LedgerError| {
            let code = if error.is_storage() { ErrorCode::OutFull } else { error.code() };
            ProcessError { code, reason: error.to_string(), transient: true }
        };
        self.results.claim(&task.path, content).map_err(failed)
    }

    /// Removes what is in the result folder of `task` and belongs to no known content.
    fn retract(&self, task: &QueuedScan) {
        if let Err(error) = self.results.retract(&task.path) {
            self.events.notice(Level::Warning, Some(error.code()), error.to_string());
        }
    }

    /// Ends an attempt that does not count.
    pub(super) fn release(&self, content: &Content, outcome: TaskOutcome) -> TaskOutcome {
        match ledger::lock(&self.ledger).release(content) {
            Ok(()) => outcome,
            Err(error) => TaskOutcome::LedgerFailed(error),
        }
    }

    /// How the file differs from the one that was queued; `None` if it is unchanged.
    fn changed(&self, task: &QueuedScan) -> Option<TaskOutcome> {
        let path = self.roots.locate(&task.path);
        let stamp = self.series.current_stamp(&path);
        match stamp.map(|stamp| stamp.map(|stamp| self.exports.current_stamp(&path, stamp))) {
            Ok(Some(stamp)) if stamp == task.stamp => None,
            Ok(Some(stamp)) => Some(TaskOutcome::Changed(stamp)),
            Ok(None) => Some(TaskOutcome::Vanished),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.has_root(&task.path) => {
                Some(TaskOutcome::Vanished)
            }
            Err(_) => Some(TaskOutcome::Unreachable),
        }
    }

    fn has_root(&self, path: &Path) -> bool {
        self.roots.root_of(path).is_some_and(Path::is_dir)
    }

    fn is_aborting(&self) -> bool {
        self.abort.load(Ordering::Relaxed)
    }
}
