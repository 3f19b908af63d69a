//! Requests of screens to the engine.

use std::{io, path::Path};

use octrls_engine::{EngineHandle, ScanId};
use octrls_tui::{Controls, Corrections, LedgerChange, LedgerChanges};

/// Passes the requests of screens on to the engine and to the ledger.
#[derive(Clone)]
pub(crate) struct HandleControls {
    engine: EngineHandle,
    ledger: LedgerChanges,
}

impl HandleControls {
    /// Controls of `engine`, whose results are in `out`; corrected ones are made anew by `corrections`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn new(engine: EngineHandle, out: &Path, corrections: Corrections) -> io::Result<Self> {
        let notices = engine.clone();
        let notify = move |level, code, text| notices.notice(level, code, text);
        let ledger = LedgerChanges::start(out, corrections, notify)?;
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
