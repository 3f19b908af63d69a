//! How attempts end.

use std::path::Path;

use octrls_core::ErrorCode;
use rusqlite::params;

use super::{
    Ledger, LedgerError,
    database::immediate,
    path_column::PathColumn,
    rows::{remember, take_over},
    time::now,
};
use crate::{folders::result_folder, intake::stamp::Stamp, work::content::Content};

impl Ledger {
    /// Records that the results of `content`, taken from the scan at `path`, are on disk.
    pub(crate) fn done(&mut self, path: &Path, stamp: Stamp, content: &Content) -> Result<(), LedgerError> {
        let (seconds, result) = (self.end_work(content), result_folder(path));
        let tx = immediate(&mut self.db)?;
        take_over(&tx, &result, content, &self.fingerprint)?;
        tx.execute(
            "UPDATE scans SET state = 'written', result = ?1, changed = ?2, finished = ?2, seconds = ?3
             WHERE content = ?4 AND fingerprint = ?5",
            params![PathColumn(result.as_path()), now(), seconds, content.key(), self.fingerprint],
        )?;
        remember(&tx, path, stamp, content)?;
        Ok(tx.commit()?)
    }

    /// Records a failed attempt that will be retried.
    pub(crate) fn failed(&mut self, content: &Content, code: ErrorCode, reason: &str) -> Result<(), LedgerError> {
        let seconds = self.end_work(content);
        self.db.execute(
            "UPDATE scans SET state = 'hashed', code = ?1, reason = ?2, changed = ?3, finished = ?3, seconds = ?4
             WHERE content = ?5 AND fingerprint = ?6",
            params![code.as_str(), reason, now(), seconds, content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// Ends an attempt that does not count, because the scan is not at fault.
    pub(crate) fn release(&mut self, content: &Content) -> Result<(), LedgerError> {
        self.end_work(content);
        self.db.execute(
            "UPDATE scans SET state = 'hashed', attempts = max(attempts - 1, 0), changed = ?1
             WHERE content = ?2 AND fingerprint = ?3",
            params![now(), content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// Records that the file failed for good. `in_place` is the stamp of a file that could not be moved away and must
    /// be ignored from now on.
    pub(crate) fn quarantined(
        &mut self,
        path: &Path,
        in_place: Option<Stamp>,
        content: &Content,
        (code, reason): (ErrorCode, &str),
    ) -> Result<(), LedgerError> {
        let seconds = self.end_work(content);
        let tx = immediate(&mut self.db)?;
        // A scan that never started, because it is unreadable or too large, has no row yet.
        tx.execute(
            "INSERT INTO scans (content, fingerprint, state, attempts, path, code, reason, first_taken, changed, finished, model)
             VALUES (?1, ?2, 'quarantined', 0, ?3, ?4, ?5, ?6, ?6, ?6, ?8)
             ON CONFLICT DO UPDATE SET state = 'quarantined', code = ?4, reason = ?5, changed = ?6, finished = ?6, seconds = ?7",
            params![content.key(), self.fingerprint, PathColumn(path), code.as_str(), reason, now(), seconds, self.model],
        )?;
        match in_place {
            Some(stamp) => remember(&tx, path, stamp, content)?,
            None => _ = tx.execute("DELETE FROM paths WHERE path = ?1", [PathColumn(path)])?,
        }
        Ok(tx.commit()?)
    }

    /// Ends an attempt because `content` turned out to be part of another scan.
    pub(crate) fn set_aside(&mut self, content: &Content) -> Result<(), LedgerError> {
        self.end_work(content);
        self.db.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, attempts = 0, changed = ?1
             WHERE content = ?2 AND fingerprint = ?3",
            params![now(), content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// Records why the scan that was at `path` is superseded.
    pub(crate) fn explain_superseded(&self, path: &Path, code: ErrorCode, reason: &str) -> Result<(), LedgerError> {
        self.db.execute(
            "UPDATE scans SET code = ?1, reason = ?2, changed = ?3
             WHERE path = ?4 AND state = 'superseded' AND code IS NOT ?1",
            params![code.as_str(), reason, now(), PathColumn(path)],
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

    /// Ends the work on `content`; returns its duration in seconds.
    fn end_work(&mut self, content: &Content) -> Option<f64> {
        self.suspect.take_if(|suspect| suspect == content);
        self.busy.remove(content).map(|since| since.elapsed().as_secs_f64())
    }
}
