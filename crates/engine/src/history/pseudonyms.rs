//! Pseudonyms of the patients whose scans are in a follow-up history, for exports.

use std::path::Path;

use octrls_fs::digest::{KEY_LENGTH, hmac_sha256};
use rusqlite::{Connection, OptionalExtension};

use super::{SECRET_FILE, secret};
use crate::{
    LedgerError,
    folders::{LEDGER_FILE, STATE_FOLDER},
    ledger::open_database,
};

/// Characters of a pseudonym: enough to tell any number of patients apart.
const LENGTH: usize = 16;

/// The patients of one results folder.
#[derive(Debug)]
pub struct Pseudonyms {
    db: Connection,
    secret: [u8; KEY_LENGTH],
}

impl Pseudonyms {
    /// Opens the history in the results folder `out`; `None` if it has none.
    ///
    /// # Errors
    /// [`LedgerError`] if ledger or key cannot be read.
    pub fn open(out: &Path) -> Result<Option<Self>, LedgerError> {
        let state = out.join(STATE_FOLDER);
        let (ledger, key) = (state.join(LEDGER_FILE), state.join(SECRET_FILE));
        if !ledger.is_file() || !key.is_file() {
            return Ok(None);
        }
        let (secret, _) = secret(&key)?;
        Ok(Some(Self { db: open_database(&ledger)?, secret }))
    }

    /// The pseudonym of the patient of a scan. `identity` is its digest or the UID of its DICOM series, `series` its
    /// number in a file with several. `None` if the scan is not in the history.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn of_scan(&self, identity: &str, series: Option<u32>) -> Result<Option<String>, LedgerError> {
        let scan = hmac_sha256(&self.secret, scan_key(identity, series).as_bytes());
        let mut query = self.db.prepare_cached("SELECT patient FROM visits WHERE scan = ?1 LIMIT 1")?;
        let patient: Option<String> = query.query_row([scan], |row| row.get(0)).optional()?;
        Ok(patient.map(|patient| patient.get(..LENGTH).unwrap_or(&patient).to_owned()))
    }
}

/// Unique name of a scan in the history.
pub(crate) fn scan_key(identity: &str, series: Option<u32>) -> String {
    format!("{identity} {}", series.map_or(String::new(), |number| number.to_string()))
}
