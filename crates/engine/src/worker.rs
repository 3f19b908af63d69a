//! The workers: process one scan at a time, from the queue to the ledger.

use octrls_core::ErrorCode;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender};
use jiff::Timestamp;

use super::{
    Level, ProcessError, Processor, ScanChange, ScanSummary, ScanTask,
    backlog::Task,
    content::Content,
    event_sender::EventSender,
    exports::Exports,
    guarded::process_guarded,
    heartbeat::Heartbeat,
    in_flight::{Hand, InFlight},
    ledger::{Admission, CRASH_CODE, Found, Ledger, LedgerError},
    processor::is_storage_error,
    quarantine::{Note, Quarantine},
    roots::Roots,
    series::Series,
    stamp::Stamp,
};
use octrls_report::Staging;

/// How a task ended, with its content.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) task: Task,
    /// Its content, if known.
    pub(super) content: Option<Content>,
    pub(super) verdict: Verdict,
    /// Whether the worker finished it. If false, the worker was stuck and is replaced.
    pub(super) by_worker: bool,
}

/// How a task ended.
#[derive(Debug)]
pub(super) enum Verdict {
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
    /// Failed for good; `place` is the path in quarantine if the file could be moved.
    Quarantined {
        error: ProcessError,
        place: Option<PathBuf>,
    },
    /// The engine is stopping.
    Aborted,
    LedgerFailed(LedgerError),
}

/// What all workers share.
pub(super) struct WorkerContext {
    pub(super) roots: Roots,
    pub(super) out: PathBuf,
    pub(super) staging: Staging,
    pub(super) attempts: AtomicU32,
    pub(super) max_bytes: u64,
    pub(super) hands: InFlight,
    pub(super) processor: Arc<dyn Processor>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) quarantine: Quarantine,
    pub(super) outlet: EventSender,
    /// Set to cancel the running scans.
    pub(super) abort: Arc<AtomicBool>,
    pub(super) life: Heartbeat,
    pub(super) exports: Exports,
    pub(super) series: Series,
}

/// Locks the ledger. The database stays consistent even after a panic.
pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(super) fn work(&self, number: usize, tasks: &Receiver<Task>, outcomes: &Sender<Outcome>) {
        for task in tasks {
            let overdue = self.hands.take(number, &task);
            let Ok((content, verdict)) = self.run(&task, &overdue) else { return };
            if outcomes.send(Outcome { task, content, verdict, by_worker: true }).is_err() {
                return;
            }
        }
    }

    /// Fails a scan whose worker is stuck.
    pub(super) fn give_up_stuck(&self, Hand { task, content, .. }: Hand, outcomes: &Sender<Outcome>) {
        let known = content.unwrap_or_else(|| Content::unreadable(&task.path));
        let verdict = self.give_up(&task, &known, Failure { error: ProcessError::too_long(), attempts: 1 });
        // Fails only if the engine has stopped.
        let _ = outcomes.send(Outcome { task, content: Some(known), verdict, by_worker: false });
    }

    fn run(&self, task: &Task, overdue: &AtomicBool) -> Result<(Option<Content>, Verdict), Reassigned> {
        if let Some(verdict) = self.is_part(task).then_some(Verdict::Vanished).or_else(|| self.displaced(task)) {
            return self.mine(task).map(|()| (None, verdict));
        }
        if task.stamp.scan.bytes > self.max_bytes {
            self.mine(task)?;
            let content = Content::too_large(&task.path, task.stamp);
            let verdict = self.refuse(task, &content);
            return Ok((Some(content), verdict));
        }
        let late = || overdue.load(Ordering::Relaxed);
        let ended = || {
            self.life.beat();
            self.aborting() || late()
        };
        let (content, unreadable) = match Content::read(&task.files, &ended) {
            Ok(content) => (content, None),
            Err(_) if self.aborting() => return self.mine(task).map(|()| (None, Verdict::Aborted)),
            Err(_) if late() => {
                self.mine(task)?;
                let content = Content::unreadable(&task.path);
                let verdict = self.give_up(task, &content, Failure { error: ProcessError::too_long(), attempts: 1 });
                return Ok((Some(content), verdict));
            }
            Err(error) => (Content::unreadable(&task.path), Some(error)),
        };
        if !self.hands.know(task.id, &content) {
            return Err(Reassigned);
        }
        // If the file changed while it was read, this content never existed on disk.
        let verdict = match self.displaced(task) {
            Some(verdict) => self.mine(task).map(|()| verdict)?,
            None => self.take(task, &content, unreadable, overdue)?,
        };
        Ok((Some(content), verdict))
    }

    /// Claims the right to settle the task.
    fn mine(&self, task: &Task) -> Result<(), Reassigned> {
        if self.hands.claim(task.id) { Ok(()) } else { Err(Reassigned) }
    }

    /// Asks the ledger what to do, and runs an attempt if one is due.
    fn take(
        &self,
        task: &Task,
        content: &Content,
        unreadable: Option<io::Error>,
        overdue: &AtomicBool,
    ) -> Result<Verdict, Reassigned> {
        let found = Found { path: &task.path, stamp: task.stamp, queued: task.queued };
        let attempts = self.attempts.load(Ordering::Relaxed);
        let intake = lock(&self.ledger).begin(found, content, attempts);
        let attempt = match intake {
            Ok(Admission::Run { attempt }) => attempt,
            Ok(Admission::AlreadyDone) => return self.mine(task).map(|()| Verdict::AlreadyDone),
            Ok(Admission::Busy) => return self.mine(task).map(|()| Verdict::Busy),
            Ok(Admission::Exhausted { attempts, reason }) => {
                self.mine(task)?;
                let error = ProcessError { code: CRASH_CODE, reason, transient: false };
                return Ok(self.give_up(task, content, Failure { error, attempts }));
            }
            Err(error) => return self.mine(task).map(|()| Verdict::LedgerFailed(error)),
        };
        self.outlet.scan(task.id, ScanChange::Running { attempt });
        let result = match unreadable {
            Some(error) => Err(ProcessError {
                code: ErrorCode::ReadIo,
                reason: format!("cannot read the file: {error}"),
                transient: true,
            }),
            None => match self.process(task, content, attempt, overdue) {
                Some(result) => result,
                None => return self.mine(task).map(|()| self.released(content, Verdict::Aborted)),
            },
        };
        let displaced = self.displaced(task);
        self.mine(task)?;
        Ok(self.settle(task, content, attempt, (result, displaced)))
    }

    /// Records how an attempt ended.
    fn settle(
        &self,
        task: &Task,
        content: &Content,
        attempt: u32,
        outcome: (Result<ScanSummary, ProcessError>, Option<Verdict>),
    ) -> Verdict {
        match outcome {
            // The whole scan arrived meanwhile; a part is not failed on its own either.
            _ if self.is_part(task) => self.set_aside(task, content),
            (_, Some(changed @ Verdict::Changed(_))) => self.released(content, changed),
            (Ok(summary), _) => {
                self.discard_earlier(task, content);
                let noted = lock(&self.ledger).done(&task.path, task.stamp, content);
                match noted {
                    Ok(()) => {
                        self.withdraw_parts(task);
                        self.forget_given_up(&task.path, Some(content));
                        Verdict::Done(Arc::new(summary))
                    }
                    Err(error) => Verdict::LedgerFailed(error),
                }
            }
            (Err(_), Some(verdict)) => self.released(content, verdict),
            (Err(error), None) if error.is_put_off() => self.released(content, Verdict::Aborted),
            (Err(error), None) if is_storage_error(error.code) => self.released(content, Verdict::Held(error)),
            (Err(error), None) if error.transient && attempt < self.attempts.load(Ordering::Relaxed) => {
                match lock(&self.ledger).failed(content, error.code, &error.reason) {
                    Ok(()) => Verdict::Failed { error, attempt },
                    Err(error) => Verdict::LedgerFailed(error),
                }
            }
            (Err(error), None) => self.give_up(task, content, Failure { error, attempts: attempt }),
        }
    }

    /// Removes earlier results of the same content under another path.
    fn discard_earlier(&self, task: &Task, content: &Content) {
        let earlier = lock(&self.ledger).earlier_result(content);
        let Ok(Some(earlier)) = earlier else { return };
        if earlier != task.path
            && let Err(error) = self.staging.discard(&self.out.join(&earlier))
        {
            let text = format!("cannot remove earlier results in {}: {error}", earlier.display());
            self.outlet.notice(Level::Warning, Some(error.code()), text);
        }
    }

    /// Runs the processor; `None` if the engine is stopping.
    fn process(
        &self,
        task: &Task,
        content: &Content,
        attempt: u32,
        overdue: &AtomicBool,
    ) -> Option<Result<ScanSummary, ProcessError>> {
        let is_cancelled = || self.aborting() || overdue.load(Ordering::Relaxed);
        let mut waiting = false;
        let mut report = |change| {
            self.life.beat();
            let waits = match change {
                ScanChange::Queued => true,
                ScanChange::Running { .. } => false,
                other => return self.outlet.scan(task.id, other),
            };
            self.hands.renew(task.id);
            if std::mem::replace(&mut waiting, waits) != waits {
                self.outlet.scan(task.id, if waits { ScanChange::Queued } else { ScanChange::Running { attempt } });
            }
        };
        let (files, name, out) = (&task.files, task.path.as_path(), self.out.join(&task.path));
        let scan = ScanTask { files, name, sha256: content.sha256().unwrap_or_default(), out: &out };
        let result = process_guarded(&*self.processor, &scan, &is_cancelled, &mut report);
        result.or_else(|| (!self.aborting()).then(|| Err(ProcessError::too_long())))
    }

    fn released(&self, content: &Content, verdict: Verdict) -> Verdict {
        match lock(&self.ledger).release(content) {
            Ok(()) => verdict,
            Err(error) => Verdict::LedgerFailed(error),
        }
    }

    /// Fails a file that is too large to read. It stays in place, because moving it could fill another disk.
    fn refuse(&self, task: &Task, content: &Content) -> Verdict {
        let reason = format!("the scan has {} bytes, the limit is {}", task.stamp.scan.bytes, self.max_bytes);
        let error = ProcessError { code: ErrorCode::ReadFileSize, reason, transient: false };
        self.leave(task, content, Failure { error, attempts: 0 })
    }

    /// Fails a scan that stays in place.
    fn leave(&self, task: &Task, content: &Content, Failure { error, attempts }: Failure) -> Verdict {
        // Only the note about the current file is kept.
        self.forget_given_up(&task.path, Some(content));
        if let Err(problem) = self.quarantine.note(&task.path, &note(task, content, &error, attempts)) {
            let text = format!("cannot write the quarantine note of {}: {problem}", task.path.display());
            self.outlet.notice(Level::Warning, Some(ErrorCode::Quarantine), text);
        }
        let failure = (error.code, error.reason.as_str());
        match lock(&self.ledger).quarantined(&task.path, Some(task.stamp), content, failure) {
            Ok(()) => Verdict::Quarantined { error, place: None },
            Err(error) => Verdict::LedgerFailed(error),
        }
    }

    /// Fails a scan and moves it to quarantine. The files of a series stay in place, so that a late instance, or a good
    /// copy of a broken one, finds the others.
    fn give_up(&self, task: &Task, content: &Content, failure: Failure) -> Verdict {
        if !task.files.instances().is_empty() {
            return self.leave(task, content, failure);
        }
        let Failure { error, attempts } = failure;
        let place = self.quarantine.put(&task.path, &note(task, content, &error, attempts));
        let place = place.inspect_err(|problem| {
            let text = format!("cannot move {} to quarantine: {problem}", task.path.display());
            self.outlet.notice(Level::Warning, Some(ErrorCode::Quarantine), text);
        });
        let in_place = place.is_err().then_some(task.stamp);
        let noted = lock(&self.ledger).quarantined(&task.path, in_place, content, (error.code, &error.reason));
        if let Err(problem) = noted {
            self.outlet.notice(Level::Error, Some(problem.code()), problem.to_string());
        }
        Verdict::Quarantined { error, place: place.ok() }
    }

    /// Why the file is no longer the one that was queued; `None` if it is unchanged.
    fn displaced(&self, task: &Task) -> Option<Verdict> {
        match self.series.look(&self.roots.locate(&task.path)) {
            Ok(Some(stamp)) if stamp == task.stamp => None,
            Ok(Some(stamp)) => Some(Verdict::Changed(stamp)),
            Ok(None) => Some(Verdict::Vanished),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.has_root(&task.path) => {
                Some(Verdict::Vanished)
            }
            Err(_) => Some(Verdict::Unreachable),
        }
    }

    fn has_root(&self, path: &Path) -> bool {
        self.roots.root_of(path).is_some_and(Path::is_dir)
    }

    fn aborting(&self) -> bool {
        self.abort.load(Ordering::Relaxed)
    }
}

/// The quarantine note of a failed scan.
fn note<'a>(task: &Task, content: &'a Content, error: &'a ProcessError, attempts: u32) -> Note<'a> {
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
