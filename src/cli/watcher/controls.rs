//! Requests of screens to the engine.

use octrls_engine::{EngineHandle, ScanId};
use octrls_tui::Controls;

/// Passes the requests of screens on to the engine.
pub(crate) struct HandleControls(pub(crate) EngineHandle);

impl Controls for HandleControls {
    fn drain(&self) {
        self.0.drain();
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn pause(&self, paused: bool) {
        self.0.pause(paused);
    }

    fn rescan(&self) {
        self.0.rescan();
    }

    fn retry(&self, scan: ScanId) {
        self.0.retry(scan);
    }
}
