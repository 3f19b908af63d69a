//! The engine's end of the event channel.

use octrls_core::ErrorCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;
use jiff::Timestamp;

use super::{Event, EventKind, Level, ScanChange, ScanId};

/// B-scans carry pixels, so they are dropped once this many events are unread.
const BACKLOG_FOR_BSCANS: usize = 32;

/// Whether to send an event to a reader with `unread` pending events.
#[must_use]
pub fn is_due(kind: &EventKind, unread: usize) -> bool {
    !matches!(kind, EventKind::Scan { change: ScanChange::BScan(_), .. }) || unread < BACKLOG_FOR_BSCANS
}

/// Sends events without ever waiting for a reader. A slow screen misses B-scans but no state change.
#[derive(Clone, Debug)]
pub(super) struct EventSender(Arc<Mutex<Option<Sender<Event>>>>);

impl EventSender {
    pub(super) fn new(sender: Sender<Event>) -> Self {
        Self(Arc::new(Mutex::new(Some(sender))))
    }

    /// Sends the last event and drops all later ones, so that readers do not wait for a stuck thread.
    pub(super) fn close(&self, last: EventKind) {
        if let Some(sender) = self.sender().take() {
            let _ = sender.send(Event { at: Timestamp::now(), kind: last });
        }
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn emit(&self, kind: EventKind) {
        if let Some(sender) = self.sender().as_ref() {
            // The engine runs without a screen too, so a closed channel is no error.
            let _ = sender.send(Event { at: Timestamp::now(), kind });
        }
    }

    pub(super) fn scan(&self, id: ScanId, change: ScanChange) {
        let kind = EventKind::Scan { id, change };
        let unread = self.sender().as_ref().map_or(0, Sender::len);
        if is_due(&kind, unread) {
            self.emit(kind);
        }
    }

    pub(super) fn notice(&self, level: Level, code: Option<ErrorCode>, text: String) {
        self.emit(EventKind::Notice { level, code, text });
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use crossbeam_channel::unbounded;

    use super::*;
    use octrls_core::{
        measure::{Quality, Signal, Thicknesses},
        scan::BScan,
        segment::SegmentedBScan,
        surface::Surfaces,
    };

    #[test]
    fn a_slow_reader_misses_bscans_but_no_state() {
        let (sender, receiver) = unbounded();
        let events = EventSender::new(sender);
        let surfaces = Surfaces::undetermined(1, 1);
        let pixels = BScan { width: 1, height: 1, intensity: vec![0.0] };
        let bscan = Arc::new(SegmentedBScan {
            index: 0,
            thicknesses: Thicknesses::measure(&surfaces, None),
            lesions: None,
            no_retina: None,
            quality: Quality::of(&pixels, &surfaces),
            bscan: pixels,
            signal: Signal::default(),
            surfaces,
            network_time: Duration::ZERO,
            surface_time: Duration::ZERO,
        });
        for _ in 0..1000 {
            events.scan(ScanId(1), ScanChange::BScan(Arc::clone(&bscan)));
            events.scan(ScanId(1), ScanChange::Queued);
        }
        drop(events);
        let (bscans, states): (Vec<Event>, Vec<Event>) = receiver
            .iter()
            .partition(|event| matches!(event.kind, EventKind::Scan { change: ScanChange::BScan(_), .. }));
        assert_eq!((bscans.len(), states.len()), (BACKLOG_FOR_BSCANS / 2, 1000));
    }
}
