//! Shares the rows of an output among threads.

use std::sync::{Mutex, PoisonError};

/// Runs `work` on every one of `strips`, on as many as `threads` threads; each thread makes itself one `scratch`.
pub(crate) fn share<T: Send, X>(
    threads: usize,
    strips: impl ExactSizeIterator<Item = T> + Send,
    scratch: impl Fn() -> X + Sync,
    work: impl Fn(T, &mut X) + Sync,
) {
    let helpers = threads.min(strips.len()).saturating_sub(1);
    let queue = Mutex::new(strips);
    let run = || {
        let mut own = scratch();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(strip) = next else { break };
            work(strip, &mut own);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(run);
        }
        run();
    });
}
