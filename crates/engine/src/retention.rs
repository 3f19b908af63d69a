//! Removes old results: only folders that the ledger lists as results of this engine.

use octrls_core::ErrorCode;
use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{
    LedgerError, Level, STATE_FOLDER,
    clock_guard::ClockGuard,
    worker::{WorkerContext, lock},
};
use octrls_report::OutputError;

/// Time between two rounds.
const EVERY: Duration = Duration::from_hours(1);

/// Removes results older than `age`, now and every hour, until the sender of `stop` is dropped.
pub(super) fn run(bench: &Arc<WorkerContext>, age: Duration, stop: &Receiver<()>) {
    let calendar = ClockGuard::of(&bench.out.join(STATE_FOLDER));
    let mut told = None;
    loop {
        let doubted = calendar.look();
        if let Some(until) = doubted.filter(|_| told != doubted) {
            let text = format!(
                "the system clock jumped ahead by over a month, check it; no old results are removed until {until:.0}"
            );
            bench.outlet.notice(Level::Warning, Some(ErrorCode::Clock), text);
        }
        told = doubted;
        let removed = if doubted.is_some() { Ok(0) } else { round(bench, age, stop) };
        match removed {
            Ok(0) => {}
            Ok(count) => {
                let days = age.as_secs() / 86_400;
                let text = format!("removed {count} results older than {days} days");
                bench.outlet.notice(Level::Info, None, text);
            }
            Err(error) => bench.outlet.notice(Level::Error, Some(error.code()), error.to_string()),
        }
        if stop.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn round(bench: &WorkerContext, age: Duration, stop: &Receiver<()>) -> Result<usize, LedgerError> {
    let (mut count, mut last) = (0, 0);
    loop {
        let found = lock(&bench.ledger).outdated(age, last)?;
        let Some(&(row, _)) = found.last() else { return Ok(count) };
        last = row;
        for (row, result) in found {
            if stop.try_recv().is_err_and(|error| error.is_disconnected()) {
                return Ok(count);
            }
            let folder = bench.out.join(&result);
            if !bench.processor.may_be_removed(&folder) {
                continue;
            }
            // The ledger is updated first: a crash in between leaves an extra folder, but nothing is processed again.
            lock(&bench.ledger).expire(row)?;
            match bench.staging.discard(&folder) {
                Ok(removed) => count += usize::from(removed),
                Err(error) => {
                    let elsewhere = matches!(error, OutputError::Outside { .. });
                    let text = format!("cannot remove old results: {error}");
                    bench.outlet.notice(Level::Warning, Some(error.code()), text);
                    if !elsewhere {
                        return Ok(count);
                    }
                }
            }
        }
    }
}
