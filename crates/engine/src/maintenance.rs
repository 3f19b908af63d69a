//! The scheduler's maintenance: stuck scans, lost threads and operator requests.

use octrls_core::ErrorCode;
use std::time::{Duration, Instant};

use super::{Level, ScanChange, ScanId, scheduler::Scheduler, watcher::Request, worker::lock};

/// Time between two rounds of maintenance.
const EVERY: Duration = Duration::from_secs(1);

/// Shortest interval, used with short time limits.
const SOONEST: Duration = Duration::from_millis(50);

/// Time before the same problem is reported again.
const SILENCE: Duration = Duration::from_mins(10);

impl Scheduler {
    pub(super) fn upkeep(&mut self) {
        let every = self.options.timeout.map_or(EVERY, |limit| (limit / 4).clamp(SOONEST, EVERY));
        self.next_upkeep = Instant::now() + every;
        if self.crew.has_lost_a_worker() {
            self.running = 0;
            self.break_down("a worker thread has ended");
        }
        if self.requests.is_some() && self.crew.has_lost_a_watcher() {
            self.break_down("a watcher thread has ended");
        }
        self.replace_stuck();
        self.serve_operators();
    }

    fn replace_stuck(&mut self) {
        let Some(limit) = self.options.timeout else { return };
        for hand in self.bench.hands.take_stuck(limit) {
            self.running -= 1;
            self.pending_failures += 1;
            if let Err(error) = self.crew.replace(hand) {
                self.break_down(&format!("cannot replace a stuck worker: {error}"));
            }
        }
    }

    /// Checks the files that operators requested from other processes.
    fn serve_operators(&mut self) {
        if self.requests.is_none() {
            return;
        }
        let asked = lock(&self.ledger).take_requests();
        match asked {
            Ok(paths) => {
                for path in paths {
                    if path.as_os_str().is_empty() {
                        self.walk();
                    } else if let Some(requests) = &self.requests {
                        let _ = requests[self.bench.roots.number_of(&path)].send(Request::Look(path));
                    }
                }
            }
            Err(error) => self.tell(error.code(), error.to_string()),
        }
    }

    /// Walks through all roots now.
    pub(super) fn walk(&self) {
        for requests in self.requests.iter().flatten() {
            let _ = requests.send(Request::Walk);
        }
    }

    /// Starts no new scan, because space is low or too many scans are stuck.
    pub(super) fn hold(&mut self) {
        if self.crew.is_stuck() {
            let text = "too many stuck scans to start new ones; check for a hanging disk or share, then restart";
            self.tell(ErrorCode::EngineStuck, text.to_owned());
        }
        if self.options.until_idle && self.running == 0 {
            self.stop();
        }
    }

    /// Moves a quarantined scan back to its original path and queues it.
    pub(super) fn retry(&mut self, id: ScanId) {
        let Some((task, place)) = self.retriable.remove(&id) else { return };
        match self.bench.quarantine.put_back(&place, &task.path) {
            Ok(()) => {
                self.candidates.remove(&task.path);
                self.moved.remove(&task.path);
                self.totals.quarantined = self.totals.quarantined.saturating_sub(1);
                self.outlet.scan(id, ScanChange::Queued);
                self.enqueue(task);
            }
            Err(error) => {
                let text = format!("cannot move {} out of quarantine: {error}", task.path.display());
                self.outlet.notice(Level::Warning, Some(ErrorCode::Quarantine), text);
                self.retriable.insert(id, (task, place));
            }
        }
    }

    /// Reports a problem that concerns more than one scan, at most once in ten minutes.
    pub(super) fn tell(&mut self, code: ErrorCode, text: String) {
        if self.told.get(&code).is_none_or(|told| told.elapsed() >= SILENCE) {
            self.told.insert(code, Instant::now());
            self.outlet.notice(Level::Error, Some(code), text);
        }
    }
}
