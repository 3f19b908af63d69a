//! Shares the rows of an output among threads.

use std::sync::{Mutex, PoisonError};

/// Rows of a strip, an even number, for work that starts each strip with a few rows that another strip computes too:
/// few strips, but several for each thread.
pub(super) fn rows_for(height: usize, threads: usize) -> usize {
    let strips = if threads == 1 { 1 } else { 3 * threads };
    height.div_ceil(strips).max(MIN_ROWS).next_multiple_of(2)
}

/// Strips with fewer rows do not pay.
const MIN_ROWS: usize = 24;

/// Runs `work` on each of `strips`, on up to `threads` threads; each thread creates its own `scratch`.
pub fn share<T: Send, X>(
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
