//! Scans that turn out to be parts of others: images of a late export, and instances of a series.

use std::path::Path;

use rusqlite::params;

use super::{Ledger, LedgerError, now, path::PathColumn};
use crate::content::Content;

impl Ledger {
    /// Ends an attempt because `content` turned out to be part of another scan.
    pub(crate) fn set_aside(&mut self, content: &Content) -> Result<(), LedgerError> {
        self.leave(content);
        self.db.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, attempts = 0, changed = ?1
             WHERE content = ?2 AND fingerprint = ?3",
            params![now(), content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// Records that the file that failed in place at `path` is gone, replaced by `now_there` or by no separate scan.
    pub(crate) fn replaced(&self, path: &Path, now_there: Option<&Content>) -> Result<(), LedgerError> {
        self.db.execute(
            "UPDATE scans SET state = 'superseded', changed = ?1 WHERE path = ?2 AND state = 'quarantined' AND content IS NOT ?3",
            params![now(), PathColumn(path), now_there.map(Content::key)],
        )?;
        Ok(())
    }

    /// Drops the results of the scan at `path`, which is part of another; returns whether there were any.
    pub(crate) fn withdraw(&self, path: &Path) -> Result<bool, LedgerError> {
        let withdrawn = self.db.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, changed = ?1 WHERE result = ?2 AND state = 'written'",
            params![now(), PathColumn(path)],
        )?;
        Ok(withdrawn > 0)
    }
}
