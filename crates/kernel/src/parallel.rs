//! Shares the rows of an output among threads.

use std::sync::{Mutex, PoisonError};

/// Fewest rows of a strip; smaller strips cost more than they gain.
const MIN_ROWS: usize = 24;

/// Number of rows of a strip, always even, for operators that compute a few rows of the neighbouring strip again: few
/// strips, but several for each thread.
pub(crate) fn rows_per_strip(height: usize, threads: usize) -> usize {
    let strips = if threads == 1 { 1 } else { 3 * threads };
    height.div_ceil(strips).max(MIN_ROWS).next_multiple_of(2)
}

/// Runs `work` on each of `items`, on up to `threads` threads; each thread creates its own `scratch`.
pub fn for_each_parallel<T: Send, X>(
    threads: usize,
    items: impl ExactSizeIterator<Item = T> + Send,
    scratch: impl Fn() -> X + Sync,
    work: impl Fn(T, &mut X) + Sync,
) {
    let helpers = threads.min(items.len()).saturating_sub(1);
    let queue = Mutex::new(items);
    let run = || {
        let mut own = scratch();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(item) = next else { break };
            work(item, &mut own);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(run);
        }
        run();
    });
}
