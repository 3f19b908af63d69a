//! How many threads a run may use.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The machine's cores, shared evenly among the runs that are under way; clones count together.
///
/// One run alone takes them all and is done soonest; where many wait, each takes one, which costs least in total.
#[derive(Clone, Debug)]
pub(crate) struct Cores(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    cores: AtomicUsize,
    runs: AtomicUsize,
}

impl Cores {
    pub(crate) fn new(number: usize) -> Self {
        Self(Arc::new(Counts { cores: AtomicUsize::new(number), runs: AtomicUsize::new(0) }))
    }

    /// Shares out another number of cores from now on.
    pub(crate) fn set(&self, number: usize) {
        self.0.cores.store(number, Ordering::Relaxed);
    }

    /// Counts a run until the guard is dropped.
    pub(crate) fn enter(&self) -> Run<'_> {
        self.0.runs.fetch_add(1, Ordering::Relaxed);
        Run(self)
    }

    /// The threads that one run may use at this moment, at least one.
    pub(crate) fn share(&self) -> usize {
        let runs = self.0.runs.load(Ordering::Relaxed).max(1);
        (self.0.cores.load(Ordering::Relaxed) / runs).max(1)
    }
}

/// A run under way.
pub(crate) struct Run<'a>(&'a Cores);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.0.runs.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_the_cores_and_each_has_at_least_one() {
        let cores = Cores::new(4);
        let first = cores.enter();
        assert_eq!(cores.share(), 4);
        let second = cores.enter();
        assert_eq!(cores.clone().share(), 2);
        let more: Vec<_> = (0..6).map(|_| cores.enter()).collect();
        assert_eq!(cores.share(), 1);
        drop((more, second));
        assert_eq!(cores.share(), 4);
        drop(first);
    }
}
