//! Runs a processor so that a cancelled, panicking or stuck scan does no harm. Engine and remote workers share this.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::processor::{Cancelled, ProcessError, Processor, ScanTask};
use crate::{ScanChange, ScanSummary};

/// Upper limit for the extra time a cancelled scan gets to stop.
const MAX_GRACE: Duration = Duration::from_mins(1);

/// How a running scan stands against its time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// It may go on.
    Within,
    /// It must be cancelled.
    Exceeded,
    /// It did not stop within the grace period after the limit, so it must be abandoned.
    Stuck,
}

impl TimeLimit {
    /// The state of a scan with the time limit `limit` that has been running for `elapsed`.
    #[must_use]
    pub fn of(elapsed: Duration, limit: Duration) -> Self {
        match elapsed {
            _ if elapsed < limit => Self::Within,
            _ if elapsed < limit + limit.min(MAX_GRACE) => Self::Exceeded,
            _ => Self::Stuck,
        }
    }
}

/// Processes `task`; `None` if it was cancelled. A panic is an error.
///
/// At each report of the processor, `is_cancelled` decides whether it goes on; if so, `report` gets the change.
///
/// # Errors
/// Those of [`Processor::process`], and [`ProcessError::panicked`].
pub fn process_guarded(
    processor: &dyn Processor,
    task: &ScanTask<'_>,
    is_cancelled: &dyn Fn() -> bool,
    report: &mut dyn FnMut(ScanChange),
) -> Option<Result<ScanSummary, ProcessError>> {
    let mut cancelled = false;
    let mut guarded_report = |change| {
        if is_cancelled() {
            cancelled = true;
            return ControlFlow::Break(Cancelled);
        }
        report(change);
        // The report may find a reason to stop, right before results are published.
        if is_cancelled() {
            cancelled = true;
            return ControlFlow::Break(Cancelled);
        }
        ControlFlow::Continue(())
    };
    match catch_unwind(AssertUnwindSafe(|| processor.process(task, &mut guarded_report))) {
        Ok(Err(_)) if cancelled => None,
        Ok(result) => Some(result),
        Err(payload) => Some(Err(ProcessError::panicked(payload.as_ref()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_period_is_as_long_as_the_limit_up_to_a_minute() {
        let state = |elapsed, limit| TimeLimit::of(Duration::from_secs(elapsed), Duration::from_secs(limit));
        assert_eq!([state(9, 10), state(10, 10), state(19, 10), state(20, 10)], {
            use TimeLimit::{Exceeded, Stuck, Within};
            [Within, Exceeded, Exceeded, Stuck]
        });
        assert_eq!(state(3659, 3600), TimeLimit::Exceeded);
        assert_eq!(state(3660, 3600), TimeLimit::Stuck);
    }
}
