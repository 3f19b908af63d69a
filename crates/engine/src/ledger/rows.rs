//! Single rows of the ledger.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Transaction, params};

use super::{crashes::CRASH_CODE, path_column::PathColumn, time::now};
use crate::{intake::stamp::Stamp, work::content::Content};

/// A content's row.
pub(super) struct Row {
    pub(super) state: String,
    pub(super) attempts: u32,
    pub(super) code: Option<String>,
    pub(super) result: Option<PathBuf>,
}

impl Row {
    pub(super) fn find(tx: &Transaction<'_>, content: &Content, fingerprint: &str) -> rusqlite::Result<Option<Self>> {
        tx.prepare_cached("SELECT state, attempts, code, result FROM scans WHERE content = ?1 AND fingerprint = ?2")?
            .query_row([content.key(), fingerprint], |row| {
                Ok(Self {
                    state: row.get(0)?,
                    attempts: row.get(1)?,
                    code: row.get(2)?,
                    result: row.get::<_, Option<PathColumn<PathBuf>>>(3)?.map(|path| path.0),
                })
            })
            .optional()
    }

    /// Whether the program ended during the last attempt.
    pub(super) fn has_crashed(&self) -> bool {
        self.state == "hashed" && self.code.as_deref() == Some(CRASH_CODE.as_str())
    }
}

/// Whether the result folder `path` holds results of something other than `content`.
pub(super) fn is_occupied(
    tx: &Transaction<'_>,
    path: &Path,
    content: &Content,
    fingerprint: &str,
) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM scans WHERE result = ?1 AND NOT (content = ?2 AND fingerprint = ?3)")?
        .exists(params![PathColumn(path), content.key(), fingerprint])
}

/// Records that no other content has its results in the folder `path`; returns whether one had.
pub(super) fn take_over(
    tx: &Transaction<'_>,
    path: &Path,
    content: &Content,
    fingerprint: &str,
) -> rusqlite::Result<bool> {
    if !is_occupied(tx, path, content, fingerprint)? {
        return Ok(false);
    }
    check_copies(tx, path)?;
    tx.prepare_cached(
        "UPDATE scans SET state = iif(state = 'written', 'superseded', state), result = NULL, changed = ?1
         WHERE result = ?2 AND NOT (content = ?3 AND fingerprint = ?4)",
    )?
    .execute(params![now(), PathColumn(path), content.key(), fingerprint])?;
    Ok(true)
}

/// Records that no content has its results in the folder `path`.
pub(super) fn disown(tx: &Transaction<'_>, path: &Path) -> rusqlite::Result<()> {
    check_copies(tx, path)?;
    tx.prepare_cached(
        "UPDATE scans SET state = iif(state = 'written', 'superseded', state), result = NULL, changed = ?1
         WHERE result = ?2",
    )?
    .execute(params![now(), PathColumn(path)])?;
    Ok(())
}

/// Has the engine check the copies of what has its results in the folder `path`: it is about to lose them.
pub(super) fn check_copies(tx: &Transaction<'_>, path: &Path) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO requests SELECT paths.path FROM paths JOIN scans ON scans.content = paths.content
         WHERE scans.result = ?1 AND paths.path <> ?1",
    )?
    .execute([PathColumn(path)])?;
    Ok(())
}

/// Records which content is at `path`.
pub(super) fn remember(tx: &Transaction<'_>, path: &Path, stamp: Stamp, content: &Content) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO paths (path, bytes, modified_ns, sidecar_bytes, sidecar_modified_ns, content, change)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        PathColumn(path),
        stamp.scan.bytes as i64,
        stamp.scan.modified_ns,
        stamp.sidecar.map(|s| s.bytes as i64),
        stamp.sidecar.map(|s| s.modified_ns),
        content.key(),
        stamp.change(),
    ])?;
    Ok(())
}
