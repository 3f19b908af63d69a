//! Attempts during which the program ended: it crashed or was killed, or the machine lost its power.

use std::path::PathBuf;

use octrls_core::ErrorCode;
use rusqlite::{Connection, params};

use super::{Ledger, LedgerError, path_column::PathColumn};

/// Error code of a scan during whose attempts the program ended.
pub(crate) const CRASH_CODE: ErrorCode = ErrorCode::Crash;

const CRASH_REASON: &str = "the program crashed or was killed while processing this scan";

/// A scan that was being processed when the program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted {
    /// Path below the root.
    pub(crate) path: PathBuf,
    /// Attempts so far, with this one.
    pub(crate) attempts: u32,
}

impl Interrupted {
    /// What happened and what follows, for an operator.
    pub(crate) fn told(&self, attempts_allowed: u32) -> String {
        let Self { path, attempts } = self;
        let next = if *attempts < attempts_allowed { "it is tried again" } else { "it goes to quarantine" };
        format!(
            "the program crashed or was killed while processing {}: attempt {attempts} of {attempts_allowed}, {next}",
            path.display()
        )
    }
}

/// Why a scan fails after so many `attempts`.
pub(super) fn reason(attempts: u32) -> String {
    let times = if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
    format!("the program crashed or was killed {times} while processing this scan")
}

/// Ends the attempts that the last process left unfinished; returns their scans, the first one started first.
pub(super) fn end_interrupted(db: &Connection) -> Result<Vec<Interrupted>, LedgerError> {
    let mut query = db.prepare("SELECT path, attempts FROM scans WHERE state = 'running' ORDER BY started, rowid")?;
    let scan = |row: &rusqlite::Row<'_>| {
        Ok(Interrupted { path: row.get::<_, PathColumn<PathBuf>>(0)?.0, attempts: row.get(1)? })
    };
    let found = query.query_map([], scan)?.collect::<Result<_, _>>()?;
    db.execute(
        "UPDATE scans SET state = 'hashed', code = ?1, reason = ?2 WHERE state = 'running'",
        params![CRASH_CODE.as_str(), CRASH_REASON],
    )?;
    Ok(found)
}

impl Ledger {
    /// Takes the scans that the last process left unfinished.
    pub(crate) fn take_interrupted(&mut self) -> Vec<Interrupted> {
        std::mem::take(&mut self.interrupted)
    }

    /// Subtracts the attempts that crashed the program.
    pub(crate) fn forgive_crashes(&mut self) -> Result<(), LedgerError> {
        self.interrupted.clear();
        self.db.execute(
            "UPDATE scans SET attempts = max(attempts - 1, 0), code = NULL, reason = NULL WHERE state = 'hashed' AND code = ?1",
            [CRASH_CODE.as_str()],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_hears_what_follows() {
        let told = |attempts| Interrupted { path: "a.png".into(), attempts }.told(3);
        assert_eq!(
            told(1),
            "the program crashed or was killed while processing a.png: attempt 1 of 3, it is tried again"
        );
        assert!(told(3).ends_with("attempt 3 of 3, it goes to quarantine") && told(7).ends_with("quarantine"));
        assert_eq!(reason(1), "the program crashed or was killed once while processing this scan");
        assert_eq!(reason(3), "the program crashed or was killed 3 times while processing this scan");
    }
}
