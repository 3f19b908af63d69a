//! What a worker does with one scan, from the file that stood still to the entry in the ledger.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender};
use jiff::Timestamp;

use super::{
    Level, ProcessError, Processor, ScanChange, ScanSummary,
    backlog::Task,
    content::Content,
    ledger::{CRASH_CODE, Intake, Ledger, LedgerError},
    life::Life,
    outlet::Outlet,
    quarantine::{Note, Quarantine},
    stamp::Stamp,
};

/// What became of a task.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) task: Task,
    /// What it was made of, where the worker came to know.
    pub(super) content: Option<Content>,
    pub(super) verdict: Verdict,
}

/// How a task ended.
#[derive(Debug)]
pub(super) enum Verdict {
    Done(Arc<ScanSummary>),
    AlreadyDone,
    /// Another worker has the same content.
    Busy,
    /// The file no longer is what stood still.
    Changed(Stamp),
    Vanished,
    /// The file system does not answer.
    Unreachable,
    /// This attempt failed, another is due.
    Failed {
        error: ProcessError,
        attempt: u32,
    },
    /// Given up; `place` is where the file lies now, if it could be moved.
    Quarantined {
        error: ProcessError,
        place: Option<PathBuf>,
    },
    /// The engine is being stopped.
    Aborted,
    LedgerFailed(LedgerError),
}

/// What all workers share.
pub(super) struct Bench {
    pub(super) root: PathBuf,
    pub(super) out: PathBuf,
    pub(super) attempts: AtomicU32,
    pub(super) processor: Arc<dyn Processor>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) quarantine: Quarantine,
    pub(super) outlet: Outlet,
    /// Set when running scans are to be given up.
    pub(super) abort: Arc<AtomicBool>,
    pub(super) life: Life,
}

/// Locks the ledger; the database itself keeps it consistent, whatever a panic interrupted.
pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries an abort through the processor, which can be left between two B-scans by unwinding alone.
struct Aborted;

/// The failed attempt of one scan.
struct Failure {
    error: ProcessError,
    attempts: u32,
}

impl Bench {
    /// Works through `tasks` until there are no more senders.
    pub(super) fn work(&self, tasks: &Receiver<Task>, outcomes: &Sender<Outcome>) {
        for task in tasks {
            let (content, verdict) = self.run(&task);
            if outcomes.send(Outcome { task, content, verdict }).is_err() {
                return;
            }
        }
    }

    fn run(&self, task: &Task) -> (Option<Content>, Verdict) {
        if let Some(verdict) = self.displaced(task) {
            return (None, verdict);
        }
        let ended = || {
            self.life.beat();
            self.aborting()
        };
        let (content, unreadable) = match Content::read(&self.root.join(&task.path), &ended) {
            Ok(content) => (content, None),
            Err(_) if self.aborting() => return (None, Verdict::Aborted),
            Err(error) => (Content::unreadable(&task.path), Some(error)),
        };
        // A change while it was read would file the results under a content that never existed.
        let verdict = self.displaced(task).unwrap_or_else(|| self.take(task, &content, unreadable));
        (Some(content), verdict)
    }

    /// Decides by the ledger, and makes an attempt if one is due.
    fn take(&self, task: &Task, content: &Content, unreadable: Option<io::Error>) -> Verdict {
        let attempts = self.attempts.load(Ordering::Relaxed);
        let intake = lock(&self.ledger).begin(&task.path, task.stamp, content, attempts);
        let attempt = match intake {
            Ok(Intake::Run { attempt }) => attempt,
            Ok(Intake::AlreadyDone) => return Verdict::AlreadyDone,
            Ok(Intake::Busy) => return Verdict::Busy,
            Ok(Intake::Exhausted { attempts, reason }) => {
                let error = ProcessError { code: CRASH_CODE, reason, transient: false };
                return self.give_up(task, content, Failure { error, attempts });
            }
            Err(error) => return Verdict::LedgerFailed(error),
        };
        self.outlet.scan(task.id, ScanChange::Running { attempt });
        let result = match unreadable {
            Some(error) => Err(ProcessError {
                code: "E-READ-IO",
                reason: format!("cannot read the file: {error}"),
                transient: true,
            }),
            None => match self.process(task) {
                Some(result) => result,
                None => return self.released(content, Verdict::Aborted),
            },
        };
        match (result, self.displaced(task)) {
            (_, Some(changed @ Verdict::Changed(_))) => self.released(content, changed),
            (Ok(summary), _) => match lock(&self.ledger).done(&task.path, task.stamp, content) {
                Ok(()) => Verdict::Done(Arc::new(summary)),
                Err(error) => Verdict::LedgerFailed(error),
            },
            (Err(_), Some(verdict)) => self.released(content, verdict),
            (Err(error), None) if error.transient && attempt < attempts => {
                match lock(&self.ledger).failed(content, error.code, &error.reason) {
                    Ok(()) => Verdict::Failed { error, attempt },
                    Err(error) => Verdict::LedgerFailed(error),
                }
            }
            (Err(error), None) => self.give_up(task, content, Failure { error, attempts: attempt }),
        }
    }

    /// Runs the processor; `None` when the engine is being stopped.
    fn process(&self, task: &Task) -> Option<Result<ScanSummary, ProcessError>> {
        let mut report = |change| {
            if self.aborting() {
                resume_unwind(Box::new(Aborted));
            }
            self.life.beat();
            self.outlet.scan(task.id, change);
        };
        let (scan, out) = (self.root.join(&task.path), self.out.join(&task.path));
        match catch_unwind(AssertUnwindSafe(|| self.processor.process(&scan, &task.path, &out, &mut report))) {
            Ok(result) => Some(result),
            Err(payload) if payload.is::<Aborted>() => None,
            Err(payload) => Some(Err(ProcessError {
                code: "E-PANIC",
                reason: format!("internal error: {}", panic_message(payload.as_ref())),
                transient: false,
            })),
        }
    }

    fn released(&self, content: &Content, verdict: Verdict) -> Verdict {
        match lock(&self.ledger).release(content) {
            Ok(()) => verdict,
            Err(error) => Verdict::LedgerFailed(error),
        }
    }

    fn give_up(&self, task: &Task, content: &Content, Failure { error, attempts }: Failure) -> Verdict {
        let place = self.quarantine.put(
            &task.path,
            &Note {
                code: error.code,
                reason: &error.reason,
                attempts,
                path: task.path.display().to_string(),
                sha256: content.sha256(),
                time: Timestamp::now(),
                octrls: env!("CARGO_PKG_VERSION"),
            },
        );
        let place = place.inspect_err(|problem| {
            let text = format!("{} stays where it is, it cannot be quarantined: {problem}", task.path.display());
            self.outlet.notice(Level::Warning, Some("E-QUARANTINE"), text);
        });
        let in_place = place.is_err().then_some(task.stamp);
        let noted = lock(&self.ledger).quarantined(&task.path, in_place, content, (error.code, &error.reason));
        if let Err(problem) = noted {
            self.outlet.notice(Level::Error, Some(problem.code()), problem.to_string());
        }
        Verdict::Quarantined { error, place: place.ok() }
    }

    /// Why the file is no longer the one that stood still; `None` while it is.
    fn displaced(&self, task: &Task) -> Option<Verdict> {
        match Stamp::take(&self.root.join(&task.path)) {
            Ok(Some(stamp)) if stamp == task.stamp => None,
            Ok(Some(stamp)) => Some(Verdict::Changed(stamp)),
            Ok(None) => Some(Verdict::Vanished),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.root.is_dir() => Some(Verdict::Vanished),
            Err(_) => Some(Verdict::Unreachable),
        }
    }

    fn aborting(&self) -> bool {
        self.abort.load(Ordering::Relaxed)
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
