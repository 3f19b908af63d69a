//! Scans that turn out to be parts of others: images whose export came after them, instances of one series.

use std::path::Path;

use rusqlite::params;

use super::{Ledger, LedgerError, now, path::PathColumn};
use crate::content::Content;

impl Ledger {
    /// An attempt came to nothing, since `content` is a part of another scan.
    pub(crate) fn set_aside(&mut self, content: &Content) -> Result<(), LedgerError> {
        self.leave(content);
        self.db.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, attempts = 0, changed = ?1
             WHERE content = ?2 AND fingerprint = ?3",
            params![now(), content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// What was given up at `path` without being moved away lies there no more: `now_there` does, or nothing that is a scan of its own.
    pub(crate) fn replaced(&self, path: &Path, now_there: Option<&Content>) -> Result<(), LedgerError> {
        self.db.execute(
            "UPDATE scans SET state = 'superseded', changed = ?1 WHERE path = ?2 AND state = 'quarantined' AND content IS NOT ?3",
            params![now(), PathColumn(path), now_there.map(Content::key)],
        )?;
        Ok(())
    }

    /// The results of the scan at `path` are to go, since it is a part of another; returns whether there are any.
    pub(crate) fn withdraw(&self, path: &Path) -> Result<bool, LedgerError> {
        let withdrawn = self.db.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, changed = ?1 WHERE result = ?2 AND state = 'written'",
            params![now(), PathColumn(path)],
        )?;
        Ok(withdrawn > 0)
    }
}
