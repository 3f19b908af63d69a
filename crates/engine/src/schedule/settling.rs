//! What the scheduler does when a task ends.

use std::time::{Duration, Instant};

use super::{
    backlog::{MOST_WAITS, QueuedScan},
    operators::FailedScan,
    scheduler::Scheduler,
};
use octrls_core::ErrorCode;

use crate::{
    ScanChange, ledger,
    work::{
        processor::ProcessError,
        worker::{EndedTask, TaskOutcome},
    },
};

/// Limit for the failed scans of this session that an operator may retry.
const MAX_RETRIABLE: usize = 10_000;

/// Windows of stability that an unfinished file gets the first time; the number doubles each time.
const WINDOWS_FOR_WRITER: u32 = 1;

/// Shortest time that an unfinished file gets.
const LEAST_FOR_WRITER: Duration = Duration::from_millis(50);

impl Scheduler {
    /// Lets the scan of `task` wait for the rest of its content, which `is_open` for writing somewhere or may be. If its
    /// file changes meanwhile, it goes back to the watcher.
    fn wait_for_writer(&mut self, mut task: QueuedScan, error: &ProcessError, is_open: bool) {
        let windows = WINDOWS_FOR_WRITER << task.waits.min(MOST_WAITS - 1);
        let after = (self.stability * windows).max(LEAST_FOR_WRITER);
        if is_open && task.waits >= MOST_WAITS {
            self.held_open.insert(task.id);
        }
        task.waits = task.waits.saturating_add(1);
        let still = if is_open { "a program has it open for writing" } else { "it may still be growing" };
        let reason = format!("{}; {still}", error.reason);
        self.events.scan(task.id, ScanChange::Retrying { code: error.code, reason, next_attempt: 1, after });
        self.backlog.delay(task, Instant::now() + after);
    }

    /// Records how a task ended and what follows.
    pub(super) fn settle(&mut self, EndedTask { task, content, outcome, by_worker }: EndedTask) {
        if by_worker {
            self.running -= 1;
        } else {
            self.pending_failures -= 1;
        }
        let waits_for = match &outcome {
            TaskOutcome::Busy => content.as_ref(),
            TaskOutcome::Waiting(other) => Some(other),
            _ => None,
        };
        if let Some(other) = waits_for
            // If the other worker has already finished, nothing would release this task.
            && ledger::lock(&self.ledger).is_busy(other)
        {
            return self.backlog.park(other.clone(), task);
        }
        if let Some(content) = content {
            self.backlog.release_parked(&content);
        }
        let (id, now) = (task.id, Instant::now());
        self.held_open.remove(&id);
        self.has_settled |= !matches!(outcome, TaskOutcome::AlreadyDone);
        let change = match outcome {
            TaskOutcome::Failed { error, attempt } => {
                let after = self.options.backoff_after(attempt);
                self.backlog.delay(task, now + after);
                let (code, reason, next_attempt) = (error.code, error.reason, attempt + 1);
                return self.events.scan(id, ScanChange::Retrying { code, reason, next_attempt, after });
            }
            TaskOutcome::Growing { error, is_open } => return self.wait_for_writer(task, &error, is_open),
            TaskOutcome::LedgerFailed(error) => {
                self.ledger_failed(&error);
                self.events.scan(id, ScanChange::Queued);
                return self.backlog.delay(task, now + self.options.backoff_after(1));
            }
            TaskOutcome::Held(error) => {
                let (what, is_lasting) = match error.code {
                    // Other scans may give back what this one needs.
                    ErrorCode::Resources => ("not enough resources", self.running == 0),
                    // Another process has it for a while.
                    ErrorCode::Ledger => ("cannot record results", false),
                    _ => ("cannot write results", true),
                };
                self.report_problem(error.code, format!("{what}, scans wait: {}", error.reason));
                if self.options.until_idle && is_lasting {
                    self.stop();
                }
                self.events.scan(id, ScanChange::Queued);
                return self.backlog.delay(task, now + self.options.backoff_after(2));
            }
            TaskOutcome::Busy | TaskOutcome::Waiting(_) | TaskOutcome::Aborted => return self.backlog.push(task),
            TaskOutcome::Changed(stamp) => return self.return_to_watcher(id, &task.path, stamp),
            TaskOutcome::Unreachable => return self.return_to_watcher(id, &task.path, task.stamp),
            TaskOutcome::Done(summary) => {
                self.totals.done += 1;
                ScanChange::Done(summary)
            }
            TaskOutcome::AlreadyDone => {
                self.totals.already_done += 1;
                ScanChange::AlreadyDone
            }
            TaskOutcome::Vanished => ScanChange::Vanished,
            TaskOutcome::Quarantined { error, moved_to } => {
                self.totals.quarantined += 1;
                if moved_to.is_some() {
                    self.pending(&task.path).finish_moved(&task.path);
                }
                let QueuedScan { ref path, stamp, queued, .. } = task;
                self.retriable.insert(id, FailedScan { path: path.clone(), stamp, queued, place: moved_to });
                if self.retriable.len() > MAX_RETRIABLE {
                    self.retriable.pop_first();
                }
                ScanChange::Quarantined { code: error.code, reason: error.reason }
            }
        };
        self.pending(&task.path).finish(&task.path);
        self.events.scan(id, change);
    }
}
