//! Which content has its results in which folder.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    Ledger, LedgerError,
    database::immediate,
    path_column::PathColumn,
    rows::{check_copies, disown, take_over},
    time::now,
};
use crate::work::content::Content;

impl Ledger {
    /// Records that the folder `path` below the output folder is about to get results of `content`, and that any other
    /// content has none there. Returns whether another had. It is on disk before this returns.
    pub(crate) fn claim(&mut self, path: &Path, content: &Content) -> Result<bool, LedgerError> {
        let tx = immediate(&mut self.db)?;
        let lost = take_over(&tx, path, content, &self.fingerprint)?;
        tx.commit()?;
        Ok(lost)
    }

    /// Records that no content has its results in the folder `path`.
    pub(crate) fn disown(&mut self, path: &Path) -> Result<(), LedgerError> {
        let tx = immediate(&mut self.db)?;
        disown(&tx, path)?;
        Ok(tx.commit()?)
    }

    /// Whether any content has its results in the folder `path`.
    pub(crate) fn has_result_in(&self, path: &Path) -> Result<bool, LedgerError> {
        Ok(self.db.prepare_cached("SELECT 1 FROM scans WHERE result = ?1")?.exists([PathColumn(path)])?)
    }

    /// Folder below the output folder with earlier results of `content` by this model and these settings.
    pub(crate) fn earlier_result(&self, content: &Content) -> Result<Option<PathBuf>, LedgerError> {
        let mut query = self.db.prepare_cached("SELECT result FROM scans WHERE content = ?1 AND fingerprint = ?2")?;
        let found =
            query.query_row([content.key(), &self.fingerprint], |row| row.get::<_, Option<PathColumn<PathBuf>>>(0));
        Ok(found.optional()?.flatten().map(|path| path.0))
    }

    /// The next few result folders older than `age`, each with its row number for [`expire`](Self::expire). Only rows
    /// with numbers above `after` are returned.
    pub(crate) fn outdated(&self, age: Duration, after: i64) -> Result<Vec<(i64, PathBuf)>, LedgerError> {
        const A_FEW: u32 = 256;
        let Ok(limit) = Timestamp::now().checked_sub(age) else { return Ok(Vec::new()) };
        let mut query = self.db.prepare_cached(
            "SELECT rowid, result FROM scans
             WHERE (state = 'written' AND finished < ?1 OR state = 'hashed' AND changed < ?1)
               AND result IS NOT NULL AND rowid > ?2
             ORDER BY rowid LIMIT ?3",
        )?;
        let rows = query.query_map(params![limit.to_string(), after, A_FEW], |row| {
            Ok((row.get(0)?, row.get::<_, PathColumn<PathBuf>>(1)?.0))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records that the results that the given row has in the folder `path` are removed because of their age. The content
    /// is not processed again. Returns false if the row has none there.
    pub(crate) fn expire(&self, row: i64, path: &Path) -> Result<bool, LedgerError> {
        let expired = self.db.execute(
            "UPDATE scans SET state = 'expired', result = NULL, changed = ?1
             WHERE rowid = ?2 AND state IN ('written', 'hashed') AND result = ?3",
            params![now(), row, PathColumn(path)],
        )?;
        Ok(expired > 0)
    }

    /// Drops the results of the scan at `path`, which is part of another, unless it is being processed; returns whether
    /// there were any. An operator may have asked to process it again.
    pub(crate) fn withdraw(&mut self, path: &Path) -> Result<bool, LedgerError> {
        let tx = immediate(&mut self.db)?;
        check_copies(&tx, path)?;
        let withdrawn = tx.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, changed = ?1 WHERE result = ?2 AND state <> 'running'",
            params![now(), PathColumn(path)],
        )?;
        tx.commit()?;
        Ok(withdrawn > 0)
    }
}
