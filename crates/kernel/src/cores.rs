//! Shares the processor cores among concurrent runs of a network.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The machine's cores, shared evenly by the active runs; clones share one count.
///
/// A single run takes all cores and finishes soonest. If several wait, each takes one, which costs least in total.
/// There are never more runs than cores, which bounds memory.
#[derive(Clone, Debug)]
pub struct Cores(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counts: Mutex<Counts>,
    ended: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    cores: usize,
    runs: usize,
}

impl Cores {
    /// Shares `number` cores, at least one.
    #[must_use]
    pub fn new(number: usize) -> Self {
        Self(Arc::new(Shared { counts: Mutex::new(Counts { cores: number.max(1), runs: 0 }), ended: Condvar::new() }))
    }

    /// Changes the number of cores to share, at least one.
    pub fn set_count(&self, number: usize) {
        self.counts().cores = number.max(1);
    }

    /// Number of cores to share.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts().cores
    }

    /// Waits until there are fewer active runs than cores, then starts one. It ends when the permit is dropped.
    pub fn acquire(&self) -> CorePermit<'_> {
        let all_taken = |counts: &mut Counts| counts.runs >= counts.cores;
        let mut counts = self.0.ended.wait_while(self.counts(), all_taken).unwrap_or_else(PoisonError::into_inner);
        counts.runs += 1;
        CorePermit(self)
    }

    /// Number of threads that each run may use now, at least one.
    #[must_use]
    pub fn threads_per_run(&self) -> usize {
        let Counts { cores, runs } = *self.counts();
        (cores / runs.max(1)).max(1)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission for one run, until dropped.
pub struct CorePermit<'a>(&'a Cores);

impl CorePermit<'_> {
    /// Number of threads that the run may use now, at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads_per_run()
    }
}

impl Drop for CorePermit<'_> {
    fn drop(&mut self) {
        self.0.counts().runs -= 1;
        self.0.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_the_cores_and_each_gets_at_least_one() {
        let cores = Cores::new(4);
        let first = cores.acquire();
        assert_eq!(cores.threads_per_run(), 4);
        let second = cores.acquire();
        assert_eq!(cores.clone().threads_per_run(), 2);
        let third = cores.acquire();
        assert_eq!(cores.threads_per_run(), 1);
        drop((second, third));
        assert_eq!(cores.threads_per_run(), 4);
        drop(first);
        cores.set_count(0);
        assert_eq!((cores.count(), cores.threads_per_run()), (1, 1));
    }

    #[test]
    fn there_are_never_more_runs_than_cores() {
        let cores = Cores::new(2);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _run = cores.acquire();
                        assert!(cores.counts().runs <= 2);
                    }
                });
            }
        });
        assert_eq!(cores.counts().runs, 0);
    }
}
