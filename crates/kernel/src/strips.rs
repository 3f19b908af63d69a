//! Shares the rows of an output among threads.

use std::sync::{Mutex, PoisonError};

/// Rows of a strip, an even number, for work that begins each strip with some rows that another has made already: few
/// strips, and yet several for each of several threads.
pub(super) fn rows_for(height: usize, threads: usize) -> usize {
    let strips = if threads == 1 { 1 } else { 3 * threads };
    height.div_ceil(strips).max(MIN_ROWS).next_multiple_of(2)
}

/// Fewer rows than this are not worth a strip.
const MIN_ROWS: usize = 24;

/// Runs `work` on every one of `strips`, on as many as `threads` threads; each thread makes itself one `scratch`.
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
