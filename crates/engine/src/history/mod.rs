//! Measures of earlier scans of each eye, stored in the ledger under pseudonyms.

mod pseudonyms;
mod renewal;

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use octrls_core::{
    measure::follow_up::{FollowUp, InterEye, Protocol, Repeatability, Visit},
    scan::{Eye, Moment, Subject},
};
use octrls_fs::{
    confined::{OutsideFolder, create_parents},
    digest::{KEY_LENGTH, hmac_sha256},
};
use octrls_report::{EyeVisits, OutputError};
use rusqlite::{Connection, params};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    LedgerError,
    folders::{LEDGER_FILE, STATE_FOLDER},
    ledger::open_database,
};

pub use pseudonyms::Pseudonyms;
pub(crate) use pseudonyms::scan_key;

/// The secret key. Without it nothing in the ledger can be traced to a patient.
const SECRET_FILE: &str = "follow-up.key";

/// Measures of earlier scans, by eye.
///
/// A patient is identified by HMAC-SHA-256 of the identifier in the scan file. The key is random and stored beside the
/// ledger, readable by its owner only. The identifier itself is never stored.
#[derive(Debug)]
pub struct History {
    /// The results folder.
    out: PathBuf,
    db: Mutex<Connection>,
    secret: [u8; KEY_LENGTH],
    repeatability: Arc<Repeatability>,
}

/// A scan to compare with earlier scans of the same eye.
#[derive(Debug)]
pub struct EyeScan<'a> {
    /// Patient, acquisition time and scanner.
    pub subject: &'a Subject,
    /// The eye.
    pub eye: Eye,
    /// Unique name of the scan: the digest of its content or the UID of its DICOM series, and the series number if any.
    pub scan: String,
    /// Model and boundary settings; only scans with equal values are compared.
    pub model: String,
    /// The scan pattern on the retina.
    pub protocol: Protocol,
    /// Path of its results below their folder.
    pub name: PathBuf,
}

/// Exclusive access to the history while one scan is compared and entered. Of two scans of an eye, the second thus sees
/// the first.
pub struct HistoryGuard<'a> {
    db: MutexGuard<'a, Connection>,
    history: &'a History,
}

impl History {
    /// Opens or creates the history in the results folder `out`.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger or the key cannot be read or created.
    pub fn open(out: &Path, repeatability: Arc<Repeatability>) -> Result<Self, LedgerError> {
        let state = out.join(STATE_FOLDER);
        let file = state.join(LEDGER_FILE);
        create_parents(out, &file).map_err(|error| match error {
            error if OutsideFolder::is_cause_of(&error) => LedgerError::Damaged(error.to_string()),
            error => error.into(),
        })?;
        let db = open_database(&file)?;
        // Deleted rows are overwritten.
        db.pragma_update(None, "secure_delete", "ON")?;
        let (secret, new) = secret(&state.join(SECRET_FILE))?;
        if new {
            // Entries made with another key can never be found again.
            db.execute("DELETE FROM visits", [])?;
        }
        Ok(Self { out: out.to_owned(), db: Mutex::new(db), secret, repeatability })
    }

    /// The repeatability limits that changes are compared with.
    #[must_use]
    pub fn repeatability(&self) -> &Repeatability {
        &self.repeatability
    }

    /// Waits for exclusive access to the history.
    #[must_use]
    pub fn lock(&self) -> HistoryGuard<'_> {
        // The database stays consistent even after a panic.
        HistoryGuard { db: self.db.lock().unwrap_or_else(PoisonError::into_inner), history: self }
    }

    /// Deletes every scan of the patient of `subject`; returns their number.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be written.
    pub fn forget(&self, subject: &Subject) -> Result<usize, LedgerError> {
        let db = self.lock().db;
        let count = db.execute("DELETE FROM visits WHERE patient = ?1", [self.pseudonym(subject)])?;
        // Otherwise the rows would remain in the write-ahead log. If another process reads the ledger, they remain
        // until it is done.
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(count)
    }

    fn pseudonym(&self, subject: &Subject) -> String {
        hmac_sha256(&self.secret, &subject.identity())
    }
}

impl HistoryGuard<'_> {
    /// Compares `now`, the measures of `scan`, with earlier scans of the eye by the same scanner, scan pattern and
    /// model.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn compare(&self, scan: &EyeScan<'_>, now: &Visit) -> Result<Option<FollowUp>, LedgerError> {
        let now = Entry { scan: self.pseudonym_of(scan), protocol: scan.protocol.clone(), visit: now.clone() };
        Ok(now.follow_up(&self.entries(scan)?, &self.history.repeatability))
    }

    /// Enters the measures of `scan`, replacing earlier ones of the same scan. Results of later scans whose comparison
    /// this changes are asked for anew.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read or written.
    pub fn enter(&self, scan: &EyeScan<'_>, now: &Visit) -> Result<(), LedgerError> {
        let before = self.entries(scan)?;
        self.db.execute(
            "INSERT OR REPLACE INTO visits
                 (patient, eye, scan, model, device, acquired, protocol, verdict, measures, place, outdated, map)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11)",
            params![
                self.history.pseudonym(scan.subject),
                text(&scan.eye),
                self.pseudonym_of(scan),
                scan.model,
                scan.subject.device,
                now.acquired.seconds(),
                text(&scan.protocol),
                text(&now.verdict),
                text(&now.measures),
                self.history.pseudonym_of_place(&scan.name),
                now.map.as_ref().map(text),
            ],
        )?;
        self.mark_outdated(scan, &before)?;
        self.ask_anew()
    }

    /// Compares `now`, the measures of `scan`, with the other eye of the patient at the same visit, by the same scanner,
    /// scan pattern and model.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn compare_eyes(&self, scan: &EyeScan<'_>, now: &Visit) -> Result<Option<InterEye>, LedgerError> {
        let other = if scan.eye == Eye::Right { Eye::Left } else { Eye::Right };
        let entries = self.entries_of(scan, other)?;
        let same = entries.into_iter().filter(|entry| entry.protocol.pattern == scan.protocol.pattern);
        Ok(InterEye::of(scan.eye, now, &same.map(|entry| entry.visit).collect::<Vec<_>>()))
    }

    /// Every scan of the eye by the same scanner and model.
    fn entries(&self, scan: &EyeScan<'_>) -> Result<Vec<Entry>, LedgerError> {
        self.entries_of(scan, scan.eye)
    }

    /// Every scan of an `eye` of the patient of `scan` by the same scanner and model.
    fn entries_of(&self, scan: &EyeScan<'_>, eye: Eye) -> Result<Vec<Entry>, LedgerError> {
        let mut query = self.db.prepare_cached(
            "SELECT acquired, protocol, verdict, measures, scan, map FROM visits
             WHERE patient = ?1 AND eye = ?2 AND model = ?3 AND device = ?4",
        )?;
        let key = [self.history.pseudonym(scan.subject), text(&eye), scan.model.clone(), scan.subject.device.clone()];
        let rows = query.query_map(key, |row| {
            let texts: [String; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((row.get::<_, i64>(0)?, texts, row.get::<_, Option<String>>(5)?))
        })?;
        let entry = |row: rusqlite::Result<(i64, [String; 4], Option<String>)>| {
            let (seconds, [protocol, verdict, measures, scan], map) = row?;
            let acquired = Moment::of_seconds(seconds).ok_or_else(|| damaged("a time"))?;
            let map = map.map(|text| parsed(&text)).transpose()?;
            let visit = Visit { acquired, verdict: parsed(&verdict)?, measures: parsed(&measures)?, map };
            Ok(Entry { scan, protocol: parsed(&protocol)?, visit })
        };
        rows.map(entry).collect()
    }

    /// Pseudonym of the scan. It is keyed because the ledger also stores plain digests of files.
    fn pseudonym_of(&self, scan: &EyeScan<'_>) -> String {
        hmac_sha256(&self.history.secret, scan.scan.as_bytes())
    }
}

/// A scan in the history.
struct Entry {
    /// Its pseudonym.
    scan: String,
    protocol: Protocol,
    visit: Visit,
}

impl Entry {
    /// Compares this scan with those among `all` that were taken earlier with the same pattern.
    fn follow_up(&self, all: &[Self], table: &Repeatability) -> Option<FollowUp> {
        let others = all.iter().filter(|other| other.scan != self.scan);
        let same = others.filter(|other| other.protocol.pattern == self.protocol.pattern);
        let comparable = same.map(|other| {
            let visit = other.visit.clone();
            let alike = other.protocol.matches(&self.protocol);
            if alike { visit } else { Visit { measures: visit.measures.without_scan_means(), ..visit } }
        });
        FollowUp::of(&self.visit, &comparable.collect::<Vec<_>>(), table)
    }
}

/// The scan of an eye, with exclusive access to its history.
#[derive(Clone, Copy)]
pub(crate) struct ScanVisit<'a> {
    pub(crate) guard: &'a HistoryGuard<'a>,
    pub(crate) scan: &'a EyeScan<'a>,
}

impl EyeVisits for ScanVisit<'_> {
    fn acquired(&self) -> Moment {
        self.scan.subject.acquired
    }

    fn compare(&self, now: &Visit) -> Result<Option<FollowUp>, OutputError> {
        self.guard.compare(self.scan, now).map_err(|error| output_error(&error))
    }

    fn compare_eyes(&self, now: &Visit) -> Result<Option<InterEye>, OutputError> {
        self.guard.compare_eyes(self.scan, now).map_err(|error| output_error(&error))
    }

    fn enter(&self, now: &Visit) -> Result<(), OutputError> {
        self.guard.enter(self.scan, now).map_err(|error| output_error(&error))
    }
}

fn output_error(error: &LedgerError) -> OutputError {
    OutputError::History { code: error.code(), reason: error.to_string() }
}

fn text(value: &impl Serialize) -> String {
    // Serialisation fails only for maps with keys that are not text and for failing writers; neither occurs here.
    serde_json::to_string(value).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|_| damaged("a row"))
}

fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged(format!("cannot read {what} in the follow-up history"))
}

/// Reads or creates the key in `file`; returns it and whether it is new.
fn secret(file: &Path) -> io::Result<([u8; KEY_LENGTH], bool)> {
    let mut found = Vec::new();
    if file.is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{SECRET_FILE} is a link")));
    }
    match File::open(file).and_then(|f| f.take(KEY_LENGTH as u64 + 1).read_to_end(&mut found)) {
        Ok(_) => {
            // A copy from a backup may have other permissions. If they cannot be changed, the file is not ours.
            let _ = octrls_fs::durable::private_file(file);
            let wrong =
                |_| io::Error::new(io::ErrorKind::InvalidData, format!("{SECRET_FILE} is not {KEY_LENGTH} bytes long"));
            Ok((found.try_into().map_err(wrong)?, false))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut secret = [0; KEY_LENGTH];
            getrandom::fill(&mut secret).map_err(io::Error::other)?;
            match write_secret(file, &secret) {
                // Another process created it first; use that one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self::secret(file),
                written => written.map(|()| (secret, true)),
            }
        }
        Err(error) => Err(error),
    }
}

/// Writes the key atomically, readable by its owner only.
fn write_secret(file: &Path, secret: &[u8; KEY_LENGTH]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    // Temporary files are private from the start.
    let mut staged = tempfile::Builder::new().prefix(".follow-up-").tempfile_in(folder)?;
    staged.write_all(secret)?;
    staged.as_file().sync_all()?;
    staged.persist_noclobber(file)?;
    octrls_fs::durable::sync_folder(folder)
}

#[cfg(test)]
mod tests;
