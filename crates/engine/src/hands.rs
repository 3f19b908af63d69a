//! Which worker has which scan in hand, since when, and who may settle it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{ScanId, backlog::Task, content::Content};

/// A scan that is told to end gets as long again to do so, and at most this.
const LONGEST_GRACE: Duration = Duration::from_mins(1);

/// How much longer a scan may take to end that may take as long as `limit`.
pub fn grace(limit: Duration) -> Duration {
    limit.min(LONGEST_GRACE)
}

/// The scans in hand. Of a scan that is stuck, either its worker or the engine settles what becomes of it, never both.
#[derive(Debug, Default)]
pub(super) struct Hands(Mutex<HashMap<ScanId, Hand>>);

/// A scan in the hand of a worker.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    pub(super) task: Task,
    /// Number of the worker.
    pub(super) worker: usize,
    /// What it is made of, once that is known.
    pub(super) content: Option<Content>,
    since: Instant,
    overdue: Arc<AtomicBool>,
}

impl Hands {
    /// The worker of this number takes `task`; the returned flag is set when it has taken too long.
    pub(super) fn take(&self, worker: usize, task: &Task) -> Arc<AtomicBool> {
        let overdue = Arc::<AtomicBool>::default();
        let hand =
            Hand { task: task.clone(), worker, content: None, since: Instant::now(), overdue: Arc::clone(&overdue) };
        self.lock().insert(task.id, hand);
        overdue
    }

    /// The scan `id` is made of `content`; false when it is in nobody's hand any more.
    pub(super) fn know(&self, id: ScanId, content: &Content) -> bool {
        self.lock().get_mut(&id).map(|hand| hand.content = Some(content.clone())).is_some()
    }

    /// The time that the scan `id` may take begins now.
    pub(super) fn renew(&self, id: ScanId) {
        if let Some(hand) = self.lock().get_mut(&id) {
            hand.since = Instant::now();
        }
    }

    /// Takes it upon the caller to settle the scan `id`; false when somebody else has done so.
    pub(super) fn claim(&self, id: ScanId) -> bool {
        self.lock().remove(&id).is_some()
    }

    /// Tells workers whose scans took longer than `limit` to let go of them, and takes those scans from them that were told
    /// long enough ago.
    pub(super) fn take_stuck(&self, limit: Duration) -> Vec<Hand> {
        let grace = grace(limit);
        let mut hands = self.lock();
        let mut stuck = Vec::new();
        hands.retain(|_, hand| {
            let taken = hand.since.elapsed();
            if taken >= limit {
                hand.overdue.store(true, Ordering::Relaxed);
            }
            let lost = taken >= limit + grace;
            if lost {
                stuck.push(hand.clone());
            }
            !lost
        });
        stuck
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ScanId, Hand>> {
        // Each change is a single step, so that a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
