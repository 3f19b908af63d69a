//! The engine's end of the event channel.

use crossbeam_channel::Sender;
use jiff::Timestamp;

use super::{Event, EventKind, Level, ScanChange, ScanId};

/// B-scans carry pixels, so only this many unread events may lie before one.
const BACKLOG_FOR_BSCANS: usize = 32;

/// Sends events and never waits for a reader: a screen that lags misses B-scans, but no change of a state.
#[derive(Clone, Debug)]
pub(super) struct Outlet(Sender<Event>);

impl Outlet {
    pub(super) fn new(sender: Sender<Event>) -> Self {
        Self(sender)
    }

    pub(super) fn emit(&self, kind: EventKind) {
        // Nobody reading is no error: the engine runs the same without a screen.
        let _ = self.0.send(Event { at: Timestamp::now(), kind });
    }

    pub(super) fn scan(&self, id: ScanId, change: ScanChange) {
        if !matches!(change, ScanChange::BScan(_)) || self.0.len() < BACKLOG_FOR_BSCANS {
            self.emit(EventKind::Scan { id, change });
        }
    }

    pub(super) fn notice(&self, level: Level, code: Option<&'static str>, text: String) {
        self.emit(EventKind::Notice { level, code, text });
    }
}
