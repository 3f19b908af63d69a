//! Processes the pieces of a scan on several threads and keeps their order.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use crossbeam_channel::{bounded, unbounded};

/// Pieces in flight for each thread: enough to keep it busy, few enough that memory does not grow with the scan.
const AHEAD: usize = 2;

/// Runs a pipeline over `count` pieces: `next` creates each piece, `work` processes it on one of `threads` threads, and
/// `take` receives the result. `next` and `take` run on the calling thread, in order.
///
/// # Errors
/// The first error of any of the three; later pieces are not passed to `take`.
///
/// # Panics
/// If `work` panics.
pub(crate) fn in_order<A: Send, B: Send, E: Send>(
    threads: usize,
    count: usize,
    mut next: impl FnMut(usize) -> Result<A, E>,
    work: impl Fn(usize, A) -> Result<B, E> + Sync,
    mut take: impl FnMut(B) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.min(count);
    if threads <= 1 {
        return (0..count).try_for_each(|index| take(work(index, next(index)?)?));
    }
    std::thread::scope(|scope| {
        let (sender, queue) = bounded::<(usize, A)>(threads * AHEAD);
        let (done, results) = unbounded();
        for _ in 0..threads {
            let (queue, done, work) = (queue.clone(), done.clone(), &work);
            scope.spawn(move || {
                for (index, piece) in queue {
                    let result = catch_unwind(AssertUnwindSafe(|| work(index, piece)));
                    if done.send((index, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((queue, done));
        let mut created = 0;
        let mut early = BTreeMap::new();
        for wanted in 0..count {
            while created < count && created < wanted + threads * AHEAD {
                let piece = next(created)?;
                // The queue has room for all pieces in flight, so sending never blocks; its readers live as long as it
                // does.
                sender
                    .send((created, piece))
                    .unwrap_or_else(|_| unreachable!("the threads read until the queue is dropped"));
                created += 1;
            }
            let result = loop {
                if let Some(result) = early.remove(&wanted) {
                    break result;
                }
                let (index, result) = results.recv().unwrap_or_else(|_| unreachable!("a piece is on its way"));
                early.insert(index, result);
            };
            match result {
                Ok(result) => take(result?)?,
                Err(panic) => resume_unwind(panic),
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread::sleep,
        time::Duration,
    };

    use super::*;

    #[test]
    fn results_come_in_order() {
        for threads in [0, 1, 3, 50] {
            let mut taken = Vec::new();
            let work = |index: usize, piece: usize| {
                sleep(Duration::from_millis((7 * index % 5) as u64));
                Ok::<_, ()>(piece * 10)
            };
            in_order(
                threads,
                40,
                |index| Ok(index + 1),
                work,
                |result| {
                    taken.push(result);
                    Ok(())
                },
            )
            .expect("no error");
            assert_eq!(taken, (1..=40).map(|n| n * 10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_a_few_pieces_are_in_flight() {
        let (created, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let next = |_| {
            let ahead = created.fetch_add(1, Ordering::SeqCst) - taken.load(Ordering::SeqCst);
            assert!(ahead < 2 * AHEAD);
            Ok::<_, ()>(())
        };
        let take = |()| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        in_order(2, 100, next, |_, ()| Ok(()), take).expect("no error");
        assert_eq!(taken.into_inner(), 100);
    }

    #[test]
    fn the_first_error_ends_the_pipeline() {
        for threads in [1, 2] {
            let mut taken = 0;
            let mut take = |()| {
                taken += 1;
                Ok(())
            };
            let work = |index: usize, ()| if index == 7 { Err("work") } else { Ok(()) };
            assert_eq!(in_order(threads, 20, |_| Ok(()), work, &mut take), Err("work"));
            assert_eq!(
                in_order(threads, 20, |i| if i == 3 { Err("next") } else { Ok(()) }, |_, ()| Ok(()), &mut take),
                Err("next")
            );
            assert!((7..=10).contains(&taken));
            assert_eq!(in_order(threads, 20, |_| Ok(()), |_, ()| Ok(()), |()| Err("take")), Err("take"));
        }
    }

    #[test]
    fn a_panic_is_passed_on() {
        let run = || {
            in_order(
                2,
                20,
                |_| Ok::<_, ()>(()),
                |index, ()| {
                    assert_ne!(index, 5);
                    Ok(())
                },
                |()| Ok(()),
            )
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    }
}
