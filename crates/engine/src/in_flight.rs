//! The running scans: which worker has which scan, since when, and who may settle it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{ScanId, TimeLimit, backlog::Task, content::Content};

/// The running scans. A stuck scan is settled either by its worker or by the engine, never by both.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashMap<ScanId, Hand>>);

/// A running scan.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    pub(super) task: Task,
    /// Number of the worker.
    pub(super) worker: usize,
    /// Its content, once known.
    pub(super) content: Option<Content>,
    since: Instant,
    overdue: Arc<AtomicBool>,
}

impl InFlight {
    /// Records that worker number `worker` took `task`. The returned flag is set when the scan exceeds the time limit.
    pub(super) fn take(&self, worker: usize, task: &Task) -> Arc<AtomicBool> {
        let overdue = Arc::<AtomicBool>::default();
        let hand =
            Hand { task: task.clone(), worker, content: None, since: Instant::now(), overdue: Arc::clone(&overdue) };
        self.lock().insert(task.id, hand);
        overdue
    }

    /// Records the content of the scan `id`; false if the scan is no longer listed.
    pub(super) fn know(&self, id: ScanId, content: &Content) -> bool {
        self.lock().get_mut(&id).map(|hand| hand.content = Some(content.clone())).is_some()
    }

    /// Restarts the time limit of the scan `id`.
    pub(super) fn renew(&self, id: ScanId) {
        if let Some(hand) = self.lock().get_mut(&id) {
            hand.since = Instant::now();
        }
    }

    /// Claims the right to settle the scan `id`; false if someone else has claimed it.
    pub(super) fn claim(&self, id: ScanId) -> bool {
        self.lock().remove(&id).is_some()
    }

    /// Cancels scans that run longer than `limit`. Removes and returns those whose grace period has also passed.
    pub(super) fn take_stuck(&self, limit: Duration) -> Vec<Hand> {
        let mut hands = self.lock();
        let mut stuck = Vec::new();
        hands.retain(|_, hand| {
            let state = TimeLimit::of(hand.since.elapsed(), limit);
            if state != TimeLimit::Within {
                hand.overdue.store(true, Ordering::Relaxed);
            }
            if state == TimeLimit::Stuck {
                stuck.push(hand.clone());
            }
            state != TimeLimit::Stuck
        });
        stuck
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ScanId, Hand>> {
        // Each change is a single step, so a panic leaves no partial state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
