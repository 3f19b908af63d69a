//! Access to the ledger for operator commands, with or without a running engine.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use octrls_fs::digest::sha256;
use rusqlite::{Connection, Row, params};

use crate::{Review, ReviewState};

use super::{database, error::LedgerError, path_column::PathColumn, time::now};

/// State of a content under one model and one set of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScanState {
    /// Read, and waiting for its first or next attempt.
    Hashed,
    /// Being processed, or interrupted when the program ended.
    Running,
    /// Its results are on disk.
    Written,
    /// Results are on disk, and a DICOM peer has received all DICOM objects among them.
    Delivered,
    /// Failed for good.
    Quarantined,
    /// Its results were replaced by another content, model or set of settings.
    Superseded,
    /// Its results were removed because of their age.
    Expired,
}

impl ScanState {
    /// All states, in the order in which a scan can reach them.
    pub const ALL: [Self; 7] = [
        Self::Hashed,
        Self::Running,
        Self::Written,
        Self::Delivered,
        Self::Quarantined,
        Self::Superseded,
        Self::Expired,
    ];

    /// The name used on the command line and in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hashed => "hashed",
            Self::Running => "running",
            Self::Written => "written",
            Self::Delivered => "delivered",
            Self::Quarantined => "quarantined",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl std::str::FromStr for ScanState {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::of_name(name).ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The ledger's entry of one content under one model and one set of settings.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// State. [`ScanState::Delivered`] is never set here; it is recorded beside the results.
    pub state: ScanState,
    /// Last known path below the root.
    pub path: PathBuf,
    /// Folder below the output folder with its results.
    pub result: Option<PathBuf>,
    /// Number of attempts so far.
    pub attempts: u32,
    /// Stable code of the last error.
    pub code: Option<String>,
    /// Message of the last error.
    pub reason: Option<String>,
    /// SHA-256 of the scan in hexadecimal; `None` if it was never read.
    pub sha256: Option<String>,
    /// Size of the scan in bytes.
    pub bytes: Option<u64>,
    /// SHA-256 of the model file, in hexadecimal.
    pub model: Option<String>,
    /// SHA-256 of everything that results depend on (model and settings), in hexadecimal.
    pub config: String,
    /// When the file was queued.
    pub queued: Option<Timestamp>,
    /// When the last attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Duration of the last attempt in seconds.
    pub seconds: Option<f64>,
    pub(crate) content: String,
    pub(crate) fingerprint: String,
}

/// The database, opened by a command.
#[derive(Debug)]
pub(crate) struct Records {
    db: Connection,
}

const COLUMNS: &str = "state, path, result, attempts, code, reason, content, bytes, model, fingerprint, queued, started, finished, \
                       seconds";

impl Records {
    pub(crate) fn open(file: &Path) -> Result<Self, LedgerError> {
        Ok(Self { db: database::open(file)? })
    }

    /// Name and path of each root at the engine's last start; a single root has an empty name.
    pub(crate) fn roots(&self) -> Result<Vec<(String, PathBuf)>, LedgerError> {
        let mut query = self.db.prepare("SELECT name, path FROM roots")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, PathColumn<PathBuf>>(1)?.0)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Passes every entry to `take`, sorted by path.
    pub(crate) fn for_each(&self, take: &mut dyn FnMut(LedgerEntry)) -> Result<(), LedgerError> {
        let mut query = self.db.prepare(&format!("SELECT {COLUMNS} FROM scans ORDER BY path, first_taken"))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            take(entry(row)?);
        }
        Ok(())
    }

    /// The entries of contents last seen or processed at `path`.
    pub(crate) fn entries_at(&self, path: &Path) -> Result<Vec<LedgerEntry>, LedgerError> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM scans
             WHERE path = ?1 OR content IN (SELECT paths.content FROM paths WHERE paths.path = ?1)"
        ))?;
        let rows = query.query_map([PathColumn(path)], entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All paths at which the content of `entry` was seen.
    pub(crate) fn paths_of(&self, entry: &LedgerEntry) -> Result<Vec<PathBuf>, LedgerError> {
        let mut query = self.db.prepare_cached("SELECT path FROM paths WHERE content = ?1")?;
        let rows = query.query_map([&entry.content], |row| Ok(row.get::<_, PathColumn<PathBuf>>(0)?.0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Resets the content of `entry` for a first attempt from the file at `path`. Returns false if a worker has started
    /// on it meanwhile.
    pub(crate) fn reset(&self, entry: &LedgerEntry, path: &Path) -> Result<bool, LedgerError> {
        let changed = self.db.execute(
            "UPDATE scans SET state = 'hashed', attempts = 0, code = NULL, reason = NULL, path = ?1, changed = ?2
             WHERE content = ?3 AND fingerprint = ?4 AND state NOT IN ('running', 'superseded')",
            params![PathColumn(path), now(), entry.content, entry.fingerprint],
        )?;
        Ok(changed > 0)
    }

    /// Records that the result of `entry` was written anew at `at`.
    pub(crate) fn renewed(&self, entry: &LedgerEntry, at: Timestamp) -> Result<(), LedgerError> {
        self.db.execute(
            "UPDATE scans SET finished = ?1, changed = ?1 WHERE content = ?2 AND fingerprint = ?3 AND state = 'written'",
            params![at.to_string(), entry.content, entry.fingerprint],
        )?;
        Ok(())
    }

    /// Adds a review of the result of `entry`.
    pub(crate) fn add_review(&self, entry: &LedgerEntry, review: &Review) -> Result<(), LedgerError> {
        let Review { state, reviewer, comment, at } = review;
        self.db.execute(
            "INSERT INTO reviews (content, fingerprint, state, reviewer, comment, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![entry.content, entry.fingerprint, state.name(), reviewer, comment, at.to_string()],
        )?;
        Ok(())
    }

    /// The reviews of the present result of `entry`, oldest first. Those of an earlier result of it are left out.
    pub(crate) fn reviews_of(&self, entry: &LedgerEntry) -> Result<Vec<Review>, LedgerError> {
        let mut query = self.db.prepare_cached(
            "SELECT state, reviewer, comment, at FROM reviews WHERE content = ?1 AND fingerprint = ?2 ORDER BY number",
        )?;
        let rows = query.query_map(params![entry.content, entry.fingerprint], |row| {
            let (state, at): (String, String) = (row.get(0)?, row.get(3)?);
            let review = ReviewState::of_name(&state).zip(at.parse().ok());
            let (reviewer, comment) = (row.get(1)?, row.get(2)?);
            Ok(review.map(|(state, at)| Review { state, reviewer, comment, at }))
        })?;
        let reviews = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
        Ok(reviews.filter(|review| entry.finished.is_none_or(|finished| review.at >= finished)).collect())
    }

    /// Whether anything was ever reviewed.
    pub(crate) fn has_reviews(&self) -> Result<bool, LedgerError> {
        Ok(self.db.query_row("SELECT EXISTS (SELECT 1 FROM reviews)", [], |row| row.get(0))?)
    }

    /// Deletes quarantined entries of the scan at `path`; if `sha256` is given, only those with this digest. The scan
    /// counts as new if it returns.
    pub(crate) fn forget_quarantined(&self, path: &Path, sha256: Option<&str>) -> Result<(), LedgerError> {
        self.db.execute(
            "DELETE FROM scans WHERE state = 'quarantined' AND path = ?1
             AND (?2 IS NULL OR content = ?2 OR content GLOB ?2 || '+*')",
            params![PathColumn(path), sha256],
        )?;
        Ok(())
    }

    /// Requests that a running engine check the file at `path`; the empty path means all files.
    pub(crate) fn request_check(&self, path: &Path) -> Result<(), LedgerError> {
        self.db.execute("INSERT OR IGNORE INTO requests VALUES (?1)", [PathColumn(path)])?;
        Ok(())
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    let time =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.and_then(|text| text.parse().ok()));
    let (state, content, fingerprint): (String, String, String) = (row.get(0)?, row.get(6)?, row.get(9)?);
    let digest = content.split('+').next().filter(|digest| !digest.contains(':'));
    Ok(LedgerEntry {
        // The schema allows no other states.
        state: ScanState::of_name(&state).unwrap_or(ScanState::Hashed),
        path: row.get::<_, PathColumn<PathBuf>>(1)?.0,
        result: row.get::<_, Option<PathColumn<PathBuf>>>(2)?.map(|path| path.0),
        attempts: row.get(3)?,
        code: row.get(4)?,
        reason: row.get(5)?,
        sha256: digest.map(str::to_owned),
        bytes: row.get::<_, Option<i64>>(7)?.map(|bytes| bytes as u64),
        model: row.get(8)?,
        config: sha256(fingerprint.as_bytes()),
        queued: time(10)?,
        started: time(11)?,
        finished: time(12)?,
        seconds: row.get(13)?,
        content,
        fingerprint,
    })
}
