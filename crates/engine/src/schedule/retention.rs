//! Removes old results: only folders that the ledger lists as results of this engine.

use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use octrls_core::ErrorCode;
use octrls_report::OutputError;

use super::clock_guard::ClockGuard;
use crate::{LedgerError, Level, folders::STATE_FOLDER, ledger, work::worker::WorkerContext};

/// Time between two rounds.
const EVERY: Duration = Duration::from_hours(1);

/// Removes results older than `age`, now and every hour, until the sender of `stop` is dropped.
pub(crate) fn run(context: &Arc<WorkerContext>, age: Duration, stop: &Receiver<()>) {
    let clock = ClockGuard::of(&context.results.out.join(STATE_FOLDER));
    let mut reported = None;
    loop {
        let suspended_until = clock.suspended_until();
        if let Some(until) = suspended_until.filter(|_| reported != suspended_until) {
            let text = format!(
                "the system clock jumped ahead by over a month, check it; no old results are removed until {until:.0}"
            );
            context.events.notice(Level::Warning, Some(ErrorCode::Clock), text);
        }
        reported = suspended_until;
        let removed = if suspended_until.is_some() || !context.results.is_present() {
            Ok(0)
        } else {
            remove_old(context, age, stop)
        };
        match removed {
            Ok(0) => {}
            Ok(count) => {
                let days = age.as_secs() / 86_400;
                let text = format!("removed {count} results older than {days} days");
                context.events.notice(Level::Info, None, text);
            }
            Err(error) => context.events.notice(Level::Error, Some(error.code()), error.to_string()),
        }
        if stop.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn remove_old(context: &WorkerContext, age: Duration, stop: &Receiver<()>) -> Result<usize, LedgerError> {
    let (mut count, mut last) = (0, 0);
    loop {
        let found = ledger::lock(&context.ledger).outdated(age, last)?;
        let Some(&(row, _)) = found.last() else { return Ok(count) };
        last = row;
        for (row, result) in found {
            if stop.try_recv().is_err_and(|error| error.is_disconnected()) {
                return Ok(count);
            }
            if !context.processor.may_be_removed(&context.results.out.join(&result)) {
                continue;
            }
            match context.results.expire(row, &result)? {
                None => {}
                Some(Ok(removed)) => count += usize::from(removed),
                Some(Err(error)) => {
                    let is_outside = matches!(error, OutputError::Outside { .. });
                    let text = format!("cannot remove old results: {error}");
                    context.events.notice(Level::Warning, Some(error.code()), text);
                    if !is_outside {
                        return Ok(count);
                    }
                }
            }
        }
    }
}
