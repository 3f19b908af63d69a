//! Second looks at scans in quarantine: a writer that paused may still have them open, and goes on with them there.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use octrls_core::ErrorCode;

use crate::{Level, ledger, quarantine::Quarantined, work::worker::WorkerContext};

/// Shortest time between two looks, so that an operator who mends a scan there can say that it be retried.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// Returns changed scans every `every`, until the sender of `stop` is dropped.
pub(crate) fn run(context: &Arc<WorkerContext>, every: Duration, stop: &Receiver<()>) {
    let mut reported = HashSet::new();
    while stop.recv_timeout(every.max(AT_MOST_EVERY)) == Err(RecvTimeoutError::Timeout) {
        return_changed(context, &mut reported);
    }
}

/// Returns scans that have changed in quarantine to their folder, where the watcher finds them; returns their number.
/// Those that cannot return are `reported` once.
pub(crate) fn return_changed(context: &WorkerContext, reported: &mut HashSet<PathBuf>) -> usize {
    if !context.results.is_present() {
        return 0;
    }
    let mut count = 0;
    for Quarantined { place, path, .. } in context.quarantine.changed() {
        if let Err(error) = context.quarantine.move_back(&place, &path) {
            if reported.insert(place) {
                let text = format!("{} changed in quarantine, but cannot return: {error}", path.display());
                context.events.notice(Level::Warning, Some(ErrorCode::Quarantine), text);
            }
            continue;
        }
        count += 1;
        reported.remove(&place);
        let recorded = ledger::lock(&context.ledger).replaced(&path, None);
        let text = format!("{} changed in quarantine; it returns to its folder and is tried again", path.display());
        context.events.notice(Level::Info, None, text);
        if let Err(error) = recorded {
            context.events.notice(Level::Warning, Some(error.code()), error.to_string());
        }
    }
    count
}
