//! Single rows of the ledger.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Transaction, params};

use super::path_column::PathColumn;
use crate::{intake::stamp::Stamp, work::content::Content};

/// A content's row.
pub(super) struct Row {
    pub(super) state: String,
    pub(super) attempts: u32,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) result: Option<PathBuf>,
}

impl Row {
    pub(super) fn find(tx: &Transaction<'_>, content: &Content, fingerprint: &str) -> rusqlite::Result<Option<Self>> {
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

/// Records which content is at `path`.
pub(super) fn remember(tx: &Transaction<'_>, path: &Path, stamp: Stamp, content: &Content) -> rusqlite::Result<()> {
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
