//! Writes lines until the engine has stopped or the output closes.

use std::io;

use crossbeam_channel::Receiver;
use octrls_engine::{Event, EventKind, Totals};

use crate::Controls;

/// Passes events to `write_event` until the engine has stopped.
///
/// A closed pipe drains the engine and is not an error. Any other write error drains the engine, too, and is returned
/// in the end.
pub(super) fn run(
    events: &Receiver<Event>,
    mut write_event: impl FnMut(&Event) -> io::Result<()>,
    controls: &dyn Controls,
) -> io::Result<Totals> {
    let mut failure = None;
    let mut totals = Totals::default();
    for event in events {
        if let EventKind::Stopped(last) = &event.kind {
            totals = *last;
        }
        if failure.is_none()
            && let Err(error) = write_event(&event)
        {
            controls.drain();
            failure = Some(error);
        }
        if matches!(event.kind, EventKind::Stopped(_)) {
            break;
        }
    }
    match failure {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(totals),
    }
}
