//! Requests of screens to the engine.

use std::{io, path::Path};

use octrls_engine::{EngineHandle, ScanId};
use octrls_tui::{Controls, LedgerChange, LedgerChanges};

/// Passes the requests of screens on to the engine and to the ledger.
#[derive(Clone)]
pub(crate) struct HandleControls {
    engine: EngineHandle,
    ledger: LedgerChanges,
}

impl HandleControls {
    /// Controls of `engine`, whose results are in `out`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn new(engine: EngineHandle, out: &Path) -> io::Result<Self> {
        let notices = engine.clone();
        let ledger = LedgerChanges::start(out, move |level, code, text| notices.notice(level, code, text))?;
        Ok(Self { engine, ledger })
    }
}

impl Controls for HandleControls {
    fn drain(&self) {
        self.engine.drain();
    }

    fn abort(&self) {
        self.engine.abort();
    }

    fn pause(&self, paused: bool) {
        self.engine.pause(paused);
    }

    fn rescan(&self) {
        self.engine.rescan();
    }

    fn retry(&self, scan: ScanId) {
        self.engine.retry(scan);
    }

    fn change_ledger(&self, change: LedgerChange) {
        self.ledger.make(change);
    }
}
