//! Removes results that are old enough: folders that the ledger knows as results of this engine, and no others.

use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{
    LedgerError, Level,
    worker::{Bench, lock},
};
use crate::output::OutputError;

/// Time between two rounds.
const EVERY: Duration = Duration::from_hours(1);

/// Removes what is older than `age`, now and from time to time, until nobody holds the other end of `stop`.
pub(super) fn run(bench: &Arc<Bench>, age: Duration, stop: &Receiver<()>) {
    loop {
        match round(bench, age, stop) {
            Ok(0) => {}
            Ok(count) => {
                let days = age.as_secs() / 86_400;
                let text = format!("{count} results were older than {days} days and are removed");
                bench.outlet.notice(Level::Info, None, text);
            }
            Err(error) => bench.outlet.notice(Level::Error, Some(error.code()), error.to_string()),
        }
        if stop.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn round(bench: &Bench, age: Duration, stop: &Receiver<()>) -> Result<usize, LedgerError> {
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
            // Known to be gone before it is: a crash between the two leaves a folder too much, and nothing is done again.
            lock(&bench.ledger).expire(row)?;
            match bench.staging.discard(&folder) {
                Ok(removed) => count += usize::from(removed),
                Err(error) => {
                    let elsewhere = matches!(error, OutputError::Outside { .. });
                    let text = format!("old results cannot be removed: {error}");
                    bench.outlet.notice(Level::Warning, Some(error.code()), text);
                    if !elsewhere {
                        return Ok(count);
                    }
                }
            }
        }
    }
}
