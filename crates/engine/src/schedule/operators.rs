//! What operators ask of the scheduler, in this process and in others.

use std::{path::PathBuf, sync::atomic::Ordering};

use crossbeam_channel::Sender;
use jiff::Timestamp;
use octrls_core::ErrorCode;

use super::{heartbeat::STUCK_AFTER, scheduler::Scheduler};
use crate::{
    EventKind, Level, ScanChange, ScanId, Tuning,
    intake::{stamp::Stamp, watcher::Request},
    ledger,
};

/// A command from an operator or the program.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Drain,
    Abort,
    Pause(bool),
    Retry(ScanId),
    Rescan,
    Tune(Tuning),
    /// Asks how the engine is.
    Ask(Sender<Answer>),
    Notice(Level, Option<ErrorCode>, String),
}

/// How the engine is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Whether the workers make progress.
    pub(crate) is_alive: bool,
    /// What keeps it from its work.
    pub(crate) problem: Option<&'static str>,
}

/// A scan that failed in this session and that an operator may retry. Its files are looked up again.
pub(super) struct FailedScan {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// When the file was queued.
    pub(super) queued: Timestamp,
    /// Its path in quarantine if it was moved there.
    pub(super) place: Option<PathBuf>,
}

impl Scheduler {
    /// Does what a command asks.
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Drain => self.stop(),
            Command::Abort => {
                self.context.abort.store(true, Ordering::Relaxed);
                self.is_aborted = true;
                self.stop();
            }
            Command::Pause(paused) => {
                if self.is_paused != paused {
                    self.events.emit(EventKind::Paused(paused));
                }
                self.is_paused = paused;
            }
            Command::Tune(Tuning { stability, attempts }) => {
                self.stability = stability;
                self.roots.iter().for_each(|root| root.pending.set_window(stability));
                self.context.attempts.store(attempts.max(1), Ordering::Relaxed);
            }
            Command::Ask(reply) => {
                let is_stuck = self.running > 0 && self.context.heartbeat.silence() > STUCK_AFTER;
                // The caller may have timed out.
                let _ = reply.send(Answer { is_alive: !is_stuck, problem: self.problem() });
            }
            Command::Retry(id) => self.retry(id),
            Command::Notice(level, code, text) => self.events.notice(level, code, text),
            Command::Rescan => self.walk(),
        }
    }

    /// Moves a failed scan back to its original path, if it was moved, and queues it.
    fn retry(&mut self, id: ScanId) {
        let Some(failed) = self.retriable.remove(&id) else { return };
        if let Err(problem) = self.take_back_failed(&failed) {
            self.events.notice(Level::Warning, Some(ErrorCode::Quarantine), problem);
            self.retriable.insert(id, failed);
            return;
        }
        let FailedScan { path, stamp, queued, .. } = failed;
        if let Some(other) = self.pending(&path).replace_candidate(&path) {
            self.events.scan(other, ScanChange::Vanished);
        }
        self.totals.quarantined = self.totals.quarantined.saturating_sub(1);
        self.events.scan(id, ScanChange::Queued);
        let files = self.context.series.files(&self.context.roots.locate(&path));
        self.enqueue(id, path, files, (stamp, queued));
    }

    /// Takes the path of a failed scan and moves the scan back there, if it was moved. Changes nothing if that fails.
    fn take_back_failed(&self, FailedScan { path, place, .. }: &FailedScan) -> Result<(), String> {
        let pending = self.pending(path);
        // Before the move, so that the watcher does not take the returned file for a new one.
        if !pending.reserve(path) {
            return Err(format!(
                "cannot retry {}: another file has taken its path and is not finished",
                path.display()
            ));
        }
        let Some(place) = place else { return Ok(()) };
        self.context.quarantine.move_back(place, path).map_err(|error| {
            pending.finish(path);
            format!("cannot move {} out of quarantine: {error}", path.display())
        })
    }

    /// Checks the files that operators requested from other processes.
    pub(super) fn serve_operators(&mut self) {
        if self.requests.is_none() {
            return;
        }
        let requested = ledger::lock(&self.ledger).take_requests();
        match requested {
            Ok(paths) => {
                for path in paths {
                    if path.as_os_str().is_empty() {
                        self.walk();
                    } else {
                        self.request(&path.clone(), Request::Check(path));
                    }
                }
            }
            Err(error) => self.ledger_failed(&error),
        }
    }
}
