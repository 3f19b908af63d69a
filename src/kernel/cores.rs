//! How many threads a run may use.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The machine's cores, shared evenly among the runs that are under way; clones count together.
///
/// One run alone takes them all and is done soonest; where many wait, each takes one, which costs least in total.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    number: usize,
    runs: Arc<AtomicUsize>,
}

impl Cores {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, runs: Arc::default() }
    }

    /// Counts a run until the guard is dropped.
    pub(crate) fn enter(&self) -> Run<'_> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Run(self)
    }

    /// The threads that one run may use at this moment, at least one.
    pub(crate) fn share(&self) -> usize {
        (self.number / self.runs.load(Ordering::Relaxed).max(1)).max(1)
    }
}

/// A run under way.
pub(crate) struct Run<'a>(&'a Cores);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.runs.fetch_sub(1, Ordering::Relaxed);
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
