//! The ledger: records which contents were processed, across restarts, crashes and power cuts.
//!
//! States of a content under one model: an attempt makes it `running`. Success makes it `written`; failure makes it
//! `hashed` until the next attempt, or `quarantined` after the last. A `written` content becomes `superseded` if its
//! result folder is overwritten by another content or if it turns out to be part of another scan, and `expired` if its
//! results are removed because of their age.
//!
//! Files that were seen but not read yet are not recorded, since a walk finds them again. Delivery is recorded beside
//! the results.

mod crashes;
mod database;
mod error;
mod outcomes;
mod path_column;
mod records;
mod result_folders;
mod rows;
mod schema;
mod time;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

#[cfg(any(test, fuzzing))]
pub(crate) use self::schema::STEPS;
pub(crate) use self::{
    crashes::{CRASH_CODE, Interrupted},
    database::{LedgerFile, open as open_database},
    records::Records,
};
use self::{
    database::immediate,
    path_column::PathColumn,
    rows::{Row, is_occupied, remember},
    time::now,
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
    /// Wait for `other`: the program ended while it worked on both, and such contents are processed one at a time.
    After { other: Content },
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
    /// The one of them during which the program has ended before.
    suspect: Option<Content>,
    /// The scans that the last process left unfinished.
    interrupted: Vec<Interrupted>,
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
        let interrupted = crashes::end_interrupted(&db)?;
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
        Ok(Self {
            db,
            file: opened,
            fingerprint,
            model,
            out: out.to_owned(),
            busy: HashMap::new(),
            suspect: None,
            interrupted,
        })
    }

    /// The ledger's file, to notice when it is lost.
    pub(crate) fn file(&self) -> LedgerFile {
        self.file.clone()
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
        let is_suspect = known.as_ref().is_some_and(Row::has_crashed);
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
            Some(Row { attempts, .. }) if is_suspect && attempts >= attempts_allowed => {
                return Ok(Admission::Exhausted { attempts, reason: crashes::reason(attempts) });
            }
            Some(_) if is_suspect && let Some(other) = &self.suspect => {
                return Ok(Admission::After { other: other.clone() });
            }
            Some(Row { state, attempts, .. }) if state == "hashed" => attempts,
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
        if is_suspect {
            self.suspect = Some(content.clone());
        }
        Ok(Admission::Run { attempt })
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
