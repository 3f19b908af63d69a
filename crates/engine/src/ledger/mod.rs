//! The ledger: records which contents were processed, across restarts, crashes and power cuts.
//!
//! States of a content under one model: an attempt makes it `running`. Success makes it `written`; failure makes it
//! `hashed` until the next attempt, or `quarantined` after the last. A `written` content becomes `superseded` if its
//! result folder is overwritten by another content or if it turns out to be part of another scan, and `expired` if its
//! results are removed because of their age.
//!
//! Files that were seen but not read yet are not recorded, since a walk finds them again. Delivery is recorded beside
//! the results.

mod database;
mod error;
mod path_column;
mod records;
mod rows;
mod schema;
mod time;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use octrls_core::ErrorCode;
use rusqlite::{Connection, OptionalExtension, params};

#[cfg(any(test, fuzzing))]
pub(crate) use self::schema::STEPS;
use self::{
    database::immediate,
    path_column::PathColumn,
    rows::{Row, check_copies, disown, is_occupied, remember, take_over},
    time::now,
};
pub(crate) use self::{
    database::{LedgerFile, open as open_database},
    records::Records,
};
pub use self::{
    error::LedgerError,
    records::{LedgerEntry, ScanState},
};
use crate::{
    folders::{STATE_FOLDER, result_folder},
    intake::stamp::Stamp,
    work::content::Content,
};

/// Error code of a scan whose attempts all crashed the program.
pub(crate) const CRASH_CODE: ErrorCode = ErrorCode::Crash;

const CRASH_REASON: &str = "the program crashed or was killed while processing this scan";

/// What the ledger knows of a file by its stamp alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathStatus {
    /// Not known, or its results are missing: process it.
    Unknown,
    /// Its results exist.
    Done,
    /// It failed and could not be moved away.
    Quarantined,
}

/// What to do with a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Run the given attempt, which counts from now on.
    Run { attempt: u32 },
    /// Nothing: its results exist.
    AlreadyDone,
    /// Wait: another worker is processing it.
    Busy,
    /// Quarantine it: all its attempts crashed the program.
    Exhausted { attempts: u32, reason: String },
}

/// Access to the ledger for one model and set of settings.
#[derive(Debug)]
pub(crate) struct Ledger {
    db: Connection,
    file: LedgerFile,
    fingerprint: String,
    /// SHA-256 of the model file.
    model: String,
    /// The output folder, for checking whether results still exist.
    out: PathBuf,
    /// Contents being processed by this process, with their start times.
    busy: HashMap<Content, Instant>,
}

/// What results depend on: the processor's fingerprint and the SHA-256 of its model.
#[derive(Clone, Debug)]
pub(crate) struct Fingerprint {
    pub(crate) fingerprint: String,
    pub(crate) model: String,
}

/// A file that stopped changing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StableFile<'a> {
    /// Path below the root.
    pub(crate) path: &'a Path,
    pub(crate) stamp: Stamp,
    /// When it was queued.
    pub(crate) queued: Timestamp,
}

impl Ledger {
    /// Opens or creates the database at `file`. The caller must hold the lock on `out`; a `running` state is therefore
    /// left over from a crash.
    pub(crate) fn open(
        file: &Path,
        out: &Path,
        fingerprint: Fingerprint,
        roots: &[(String, PathBuf)],
    ) -> Result<Self, LedgerError> {
        let mut db = open_database(file)?;
        let opened = LedgerFile::of(file)?;
        let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(LedgerError::Damaged(check));
        }
        db.execute(
            "UPDATE scans SET state = 'hashed', code = ?1, reason = ?2 WHERE state = 'running'",
            params![CRASH_CODE.as_str(), CRASH_REASON],
        )?;
        // Permissions may have been fixed, which does not change the stamp.
        db.execute_batch(
            "DELETE FROM paths WHERE content LIKE 'unreadable:%'; DELETE FROM scans WHERE content LIKE 'unreadable:%';",
        )?;
        let tx = immediate(&mut db)?;
        // The first walk checks every file anyway.
        tx.execute_batch("DELETE FROM requests; DELETE FROM roots;")?;
        for (name, path) in roots {
            tx.execute("INSERT INTO roots VALUES (?1, ?2)", params![name, PathColumn(path.as_path())])?;
        }
        tx.commit()?;
        let Fingerprint { fingerprint, model } = fingerprint;
        Ok(Self { db, file: opened, fingerprint, model, out: out.to_owned(), busy: HashMap::new() })
    }

    /// The ledger's file, to notice when it is lost.
    pub(crate) fn file(&self) -> LedgerFile {
        self.file.clone()
    }

    /// Subtracts the attempts that crashed the program.
    pub(crate) fn forgive_crashes(&mut self) -> Result<(), LedgerError> {
        self.db.execute(
            "UPDATE scans SET attempts = max(attempts - 1, 0), code = NULL, reason = NULL WHERE state = 'hashed' AND code = ?1",
            [CRASH_CODE.as_str()],
        )?;
        Ok(())
    }

    /// Takes the pending requests to check files; the empty path means all files.
    pub(crate) fn take_requests(&mut self) -> Result<Vec<PathBuf>, LedgerError> {
        if !self.db.prepare_cached("SELECT 1 FROM requests LIMIT 1")?.exists([])? {
            return Ok(Vec::new());
        }
        let mut take = self.db.prepare_cached("DELETE FROM requests RETURNING path")?;
        let paths = take.query_map([], |row| Ok(row.get::<_, PathColumn<PathBuf>>(0)?.0))?.collect::<Result<_, _>>()?;
        Ok(paths)
    }

    /// Whether a worker is processing `content`.
    pub(crate) fn is_busy(&self, content: &Content) -> bool {
        self.busy.contains_key(content)
    }

    /// Looks up the file at `path` with the given stamp.
    pub(crate) fn status_of(&self, path: &Path, stamp: Stamp) -> Result<PathStatus, LedgerError> {
        let mut query = self.db.prepare_cached(
            "SELECT state, result, scans.path, change IS NULL FROM paths JOIN scans ON scans.content = paths.content AND fingerprint = ?1
             WHERE paths.path = ?2 AND paths.bytes = ?3 AND modified_ns = ?4
               AND sidecar_bytes IS ?5 AND sidecar_modified_ns IS ?6 AND (change IS NULL OR change = ?7)",
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
                    stamp.change(),
                ],
                |row| {
                    let result = row.get::<_, Option<PathColumn<PathBuf>>>(1)?.map(|path| path.0);
                    Ok((row.get::<_, String>(0)?, result, row.get::<_, PathColumn<PathBuf>>(2)?.0, row.get(3)?))
                },
            )
            .optional()?;
        let Some((state, result, taken, is_adopted)) = found else { return Ok(PathStatus::Unknown) };
        if is_adopted {
            // An earlier version saw the file. To read every file again would take too long on a large share.
            let mut adopt = self.db.prepare_cached("UPDATE paths SET change = ?1 WHERE path = ?2")?;
            adopt.execute(params![stamp.change(), PathColumn(path)])?;
        }
        let has_results = || result.as_ref().is_some_and(|result| results_exist(&self.out, result));
        Ok(match state.as_str() {
            "written" if has_results() => PathStatus::Done,
            // Its results are being recreated from the file at another path.
            "hashed" | "running" if taken != path && has_results() => PathStatus::Done,
            "expired" => PathStatus::Done,
            "quarantined" => PathStatus::Quarantined,
            _ => PathStatus::Unknown,
        })
    }

    /// Decides what to do with `content`, found at `path`. A decision to run an attempt is on disk before this returns.
    /// It holds until [`done`](Self::done), [`failed`](Self::failed), [`quarantined`](Self::quarantined) or
    /// [`release`](Self::release).
    pub(crate) fn begin(
        &mut self,
        StableFile { path, stamp, queued }: StableFile<'_>,
        content: &Content,
        attempts_allowed: u32,
    ) -> Result<Admission, LedgerError> {
        if self.busy.contains_key(content) {
            return Ok(Admission::Busy);
        }
        let tx = immediate(&mut self.db)?;
        let known = Row::find(&tx, content, &self.fingerprint)?;
        let attempts = match known {
            Some(Row { ref state, .. }) if state == "expired" => {
                remember(&tx, path, stamp, content)?;
                tx.commit()?;
                return Ok(Admission::AlreadyDone);
            }
            Some(Row { ref state, result: Some(ref result), .. }) if state == "written" => {
                // The result folder of this path may hold an earlier content's results, which must be replaced.
                if results_exist(&self.out, result)
                    && !is_occupied(&tx, &result_folder(path), content, &self.fingerprint)?
                {
                    remember(&tx, path, stamp, content)?;
                    tx.commit()?;
                    return Ok(Admission::AlreadyDone);
                }
                0
            }
            Some(Row { state, attempts, code, reason, .. }) if state == "hashed" => {
                if attempts >= attempts_allowed && code.as_deref() == Some(CRASH_CODE.as_str()) {
                    return Ok(Admission::Exhausted { attempts, reason: reason.unwrap_or_default() });
                }
                attempts
            }
            // Failed or overwritten before: someone brought it back to have it tried again.
            _ => 0,
        };
        let attempt = attempts + 1;
        tx.execute(
            "INSERT INTO scans (content, fingerprint, state, attempts, path, first_taken, changed, started, bytes, model, queued)
             VALUES (?1, ?2, 'running', ?3, ?4, ?5, ?5, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET state = 'running', attempts = ?3, path = ?4, changed = ?5, started = ?5, bytes = ?6,
                                       model = ?7, queued = ?8, code = NULL, reason = NULL, finished = NULL, seconds = NULL",
            params![
                content.key(),
                self.fingerprint,
                attempt,
                PathColumn(path),
                now(),
                stamp.scan.bytes as i64,
                self.model,
                queued.to_string(),
            ],
        )?;
        // If another file was at this path before, its entry is wrong from now on.
        remember(&tx, path, stamp, content)?;
        tx.commit()?;
        self.busy.insert(content.clone(), Instant::now());
        Ok(Admission::Run { attempt })
    }

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

    /// Ends the work on `content`; returns its duration in seconds.
    fn end_work(&mut self, content: &Content) -> Option<f64> {
        self.busy.remove(content).map(|since| since.elapsed().as_secs_f64())
    }
}

/// Locks the ledger. The database stays consistent even after a panic.
pub(crate) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// If the check fails, results count as present: an unreachable disk is no reason to process everything again. Neither is
/// one that is unmounted.
fn results_exist(out: &Path, result: &Path) -> bool {
    out.join(result).try_exists().unwrap_or(true) || !out.join(STATE_FOLDER).exists()
}

#[cfg(test)]
mod tests;
