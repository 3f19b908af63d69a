//! The running scans: which worker has which scan, since when, and who may settle it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::backlog::QueuedScan;
use crate::{
    ScanId,
    work::{content::Content, guarded::TimeLimit},
};

/// The running scans. A stuck scan is settled either by its worker or by the engine, never by both.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashMap<ScanId, RunningScan>>);

/// A running scan.
#[derive(Clone, Debug)]
pub(crate) struct RunningScan {
    pub(crate) task: QueuedScan,
    /// Number of the worker.
    pub(crate) worker: usize,
    /// Its content, once known.
    pub(crate) content: Option<Content>,
    since: Instant,
    overdue: Arc<AtomicBool>,
}

impl InFlight {
    /// Records that worker number `worker` took `task`. The returned flag is set when the scan exceeds the time limit.
    pub(crate) fn start(&self, worker: usize, task: &QueuedScan) -> Arc<AtomicBool> {
        let overdue = Arc::<AtomicBool>::default();
        let scan = RunningScan {
            task: task.clone(),
            worker,
            content: None,
            since: Instant::now(),
            overdue: Arc::clone(&overdue),
        };
        self.lock().insert(task.id, scan);
        overdue
    }

    /// Records the content of the scan `id`; false if the scan is no longer listed.
    pub(crate) fn set_content(&self, id: ScanId, content: &Content) -> bool {
        self.lock().get_mut(&id).map(|scan| scan.content = Some(content.clone())).is_some()
    }

    /// Restarts the time limit of the scan `id`.
    pub(crate) fn restart_time_limit(&self, id: ScanId) {
        if let Some(scan) = self.lock().get_mut(&id) {
            scan.since = Instant::now();
        }
    }

    /// Claims the right to settle the scan `id`; false if someone else has claimed it.
    pub(crate) fn claim(&self, id: ScanId) -> bool {
        self.lock().remove(&id).is_some()
    }

    /// Cancels scans that run longer than `limit`. Removes and returns those whose grace period has also passed.
    pub(crate) fn take_stuck(&self, limit: Duration) -> Vec<RunningScan> {
        let mut running = self.lock();
        let mut stuck = Vec::new();
        running.retain(|_, scan| {
            let state = TimeLimit::of(scan.since.elapsed(), limit);
            if state != TimeLimit::Within {
                scan.overdue.store(true, Ordering::Relaxed);
            }
            if state == TimeLimit::Stuck {
                stuck.push(scan.clone());
            }
            state != TimeLimit::Stuck
        });
        stuck
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ScanId, RunningScan>> {
        // Each change is a single step, so a panic leaves no partial state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
