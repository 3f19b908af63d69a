//! The ledger: which contents were processed, across restarts, crashes and power cuts.
//!
//! States of a content under one model: an attempt makes it `running`; success makes it `done`, a failure
//! `queued` for the next attempt or `quarantined` after the last. A `done` content becomes `superseded` when its
//! result folder is overwritten with that of another.

mod database;
mod path;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use path::PathColumn;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use database::VERSION;
pub(super) use database::open as open_database;

use super::{content::Content, stamp::Stamp};

/// The code of a scan during whose attempts the program ended.
pub(super) const CRASH_CODE: &str = "E-CRASH";

const CRASH_REASON: &str = "the program ended while it worked on this scan";

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database cannot be opened, read or written.
    #[error("the ledger cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// The database is damaged.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The secret beside it cannot be read or made.
    #[error("the secret of the follow-up cannot be used: {0}")]
    Secret(#[from] std::io::Error),
    /// A newer version of the program wrote the ledger.
    #[error("the ledger has version {found}, this octrls knows version {VERSION}; use the newer octrls")]
    Newer {
        /// Its version.
        found: i64,
    },
}

impl LedgerError {
    /// A code that stays the same across versions, for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Database(_) | Self::Damaged(_) => "E-LEDGER",
            Self::Secret(_) => "E-LEDGER-SECRET",
            Self::Newer { .. } => "E-LEDGER-NEWER",
        }
    }
}

/// What is known of a file by its stamp alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    /// Nothing, or its results have vanished: it is to be taken.
    Unknown,
    /// Its results are there.
    Done,
    /// It was given up and could not be moved away.
    Quarantined,
}

/// What is to be done with a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// The given attempt, which counts from now on.
    Run { attempt: u32 },
    /// Nothing, its results are there.
    AlreadyDone,
    /// To wait: another worker has it.
    Busy,
    /// To be given up: so many attempts ended the program.
    Exhausted { attempts: u32, reason: String },
}

/// The table of contents and of paths, for one model.
#[derive(Debug)]
pub(super) struct Ledger {
    db: Connection,
    fingerprint: String,
    /// The output folder, to see whether results are still there.
    out: PathBuf,
    /// Contents in work in this process.
    busy: HashSet<Content>,
}

impl Ledger {
    /// Opens or creates the database at `file`. The caller holds the lock on `out`: attempts that seem to be
    /// running are the traces of a crash.
    pub(super) fn open(file: &Path, out: &Path, fingerprint: String) -> Result<Self, LedgerError> {
        let db = open_database(file)?;
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(LedgerError::Damaged(verdict));
        }
        db.execute(
            "UPDATE scans SET state = 'queued', code = ?1, reason = ?2 WHERE state = 'running'",
            params![CRASH_CODE, CRASH_REASON],
        )?;
        // Permissions may have been mended, which changes no stamp.
        db.execute_batch(
            "DELETE FROM paths WHERE content LIKE 'unreadable:%'; DELETE FROM scans WHERE content LIKE 'unreadable:%';",
        )?;
        Ok(Self { db, fingerprint, out: out.to_owned(), busy: HashSet::new() })
    }

    /// Whether a worker has `content` now.
    pub(super) fn is_busy(&self, content: &Content) -> bool {
        self.busy.contains(content)
    }

    /// What is known of the file at `path` while it has the given stamp.
    pub(super) fn recall(&self, path: &Path, stamp: Stamp) -> Result<Recall, LedgerError> {
        let mut query = self.db.prepare_cached(
            "SELECT state, result FROM paths JOIN scans ON scans.content = paths.content AND fingerprint = ?1
             WHERE paths.path = ?2 AND bytes = ?3 AND modified_ns = ?4
               AND sidecar_bytes IS ?5 AND sidecar_modified_ns IS ?6",
        )?;
        let found = query
            .query_row(
                params![
                    self.fingerprint,
                    PathColumn(path),
                    stamp.scan.bytes as i64,
                    stamp.scan.modified_ns,
                    stamp.sidecar.map(|s| s.bytes as i64),
                    stamp.sidecar.map(|s| s.modified_ns),
                ],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<PathColumn<PathBuf>>>(1)?)),
            )
            .optional()?;
        Ok(match found {
            Some((state, Some(PathColumn(result)))) if state == "done" && has_results(&self.out, &result) => {
                Recall::Done
            }
            Some((state, _)) if state == "quarantined" => Recall::Quarantined,
            _ => Recall::Unknown,
        })
    }

    /// Decides on `content`, found at `path`; a decision for an attempt is on disk before it is returned, and holds
    /// until [`done`](Self::done), [`failed`](Self::failed), [`quarantined`](Self::quarantined) or
    /// [`release`](Self::release).
    pub(super) fn begin(
        &mut self,
        path: &Path,
        stamp: Stamp,
        content: &Content,
        attempts_allowed: u32,
    ) -> Result<Intake, LedgerError> {
        if self.busy.contains(content) {
            return Ok(Intake::Busy);
        }
        let tx = self.db.transaction()?;
        let known = Row::find(&tx, content, &self.fingerprint)?;
        let attempts = match known {
            Some(Row { ref state, result: Some(ref result), .. }) if state == "done" => {
                // Under this path's results there may lie those of what was here before; they must go.
                if has_results(&self.out, result) && !is_occupied(&tx, path, content, &self.fingerprint)? {
                    remember(&tx, path, stamp, content)?;
                    tx.commit()?;
                    return Ok(Intake::AlreadyDone);
                }
                0
            }
            Some(Row { state, attempts, code, reason, .. }) if state == "queued" => {
                if attempts >= attempts_allowed && code.as_deref() == Some(CRASH_CODE) {
                    return Ok(Intake::Exhausted { attempts, reason: reason.unwrap_or_default() });
                }
                attempts
            }
            // Given up or overwritten before: whoever brings it back wants it tried anew.
            _ => 0,
        };
        let attempt = attempts + 1;
        tx.execute(
            "INSERT INTO scans (content, fingerprint, state, attempts, path, first_taken, changed)
             VALUES (?1, ?2, 'running', ?3, ?4, ?5, ?5)
             ON CONFLICT DO UPDATE SET state = 'running', attempts = ?3, path = ?4, changed = ?5,
                                       code = NULL, reason = NULL, result = NULL",
            params![content.key(), self.fingerprint, attempt, PathColumn(path), now()],
        )?;
        tx.commit()?;
        self.busy.insert(content.clone());
        Ok(Intake::Run { attempt })
    }

    /// The results of `content` are on disk, in the folder `path` below the output folder.
    pub(super) fn done(&mut self, path: &Path, stamp: Stamp, content: &Content) -> Result<(), LedgerError> {
        self.busy.remove(content);
        let tx = self.db.transaction()?;
        tx.execute(
            "UPDATE scans SET state = 'superseded', result = NULL, changed = ?1
             WHERE result = ?2 AND NOT (content = ?3 AND fingerprint = ?4)",
            params![now(), PathColumn(path), content.key(), self.fingerprint],
        )?;
        tx.execute(
            "UPDATE scans SET state = 'done', result = ?1, changed = ?2 WHERE content = ?3 AND fingerprint = ?4",
            params![PathColumn(path), now(), content.key(), self.fingerprint],
        )?;
        remember(&tx, path, stamp, content)?;
        Ok(tx.commit()?)
    }

    /// An attempt failed, another follows.
    pub(super) fn failed(&mut self, content: &Content, code: &str, reason: &str) -> Result<(), LedgerError> {
        self.busy.remove(content);
        self.db.execute(
            "UPDATE scans SET state = 'queued', code = ?1, reason = ?2, changed = ?3
             WHERE content = ?4 AND fingerprint = ?5",
            params![code, reason, now(), content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// An attempt came to nothing through no fault of the scan, and does not count.
    pub(super) fn release(&mut self, content: &Content) -> Result<(), LedgerError> {
        self.busy.remove(content);
        self.db.execute(
            "UPDATE scans SET state = 'queued', attempts = max(attempts - 1, 0), changed = ?1
             WHERE content = ?2 AND fingerprint = ?3",
            params![now(), content.key(), self.fingerprint],
        )?;
        Ok(())
    }

    /// The file is given up. `in_place` tells the stamp of one that could not be moved away, so that it is left
    /// alone from now on.
    pub(super) fn quarantined(
        &mut self,
        path: &Path,
        in_place: Option<Stamp>,
        content: &Content,
        (code, reason): (&str, &str),
    ) -> Result<(), LedgerError> {
        self.busy.remove(content);
        let tx = self.db.transaction()?;
        tx.execute(
            "UPDATE scans SET state = 'quarantined', code = ?1, reason = ?2, changed = ?3
             WHERE content = ?4 AND fingerprint = ?5",
            params![code, reason, now(), content.key(), self.fingerprint],
        )?;
        match in_place {
            Some(stamp) => remember(&tx, path, stamp, content)?,
            None => _ = tx.execute("DELETE FROM paths WHERE path = ?1", [PathColumn(path)])?,
        }
        Ok(tx.commit()?)
    }
}

/// A content's row.
struct Row {
    state: String,
    attempts: u32,
    code: Option<String>,
    reason: Option<String>,
    result: Option<PathBuf>,
}

impl Row {
    fn find(tx: &Transaction<'_>, content: &Content, fingerprint: &str) -> rusqlite::Result<Option<Self>> {
        tx.prepare_cached(
            "SELECT state, attempts, code, reason, result FROM scans WHERE content = ?1 AND fingerprint = ?2",
        )?
        .query_row([content.key(), fingerprint], |row| {
            Ok(Self {
                state: row.get(0)?,
                attempts: row.get(1)?,
                code: row.get(2)?,
                reason: row.get(3)?,
                result: row.get::<_, Option<PathColumn<PathBuf>>>(4)?.map(|path| path.0),
            })
        })
        .optional()
    }
}

/// Whether the results under `path` are those of something other than `content`.
fn is_occupied(tx: &Transaction<'_>, path: &Path, content: &Content, fingerprint: &str) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM scans WHERE result = ?1 AND NOT (content = ?2 AND fingerprint = ?3)")?
        .exists(params![PathColumn(path), content.key(), fingerprint])
}

fn remember(tx: &Transaction<'_>, path: &Path, stamp: Stamp, content: &Content) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO paths VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        PathColumn(path),
        stamp.scan.bytes as i64,
        stamp.scan.modified_ns,
        stamp.sidecar.map(|s| s.bytes as i64),
        stamp.sidecar.map(|s| s.modified_ns),
        content.key(),
    ])?;
    Ok(())
}

/// Results that cannot be looked at count as there: an unreachable disk is no reason to do everything again.
fn has_results(out: &Path, result: &Path) -> bool {
    out.join(result).try_exists().unwrap_or(true)
}

fn now() -> String {
    Timestamp::now().to_string()
}

#[cfg(test)]
mod tests;
