//! Results that a late visit changes: found when it is entered, and asked for anew.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use octrls_fs::{digest::hmac_sha256, platform::path_bytes};
use rusqlite::params;

use super::{Entry, EyeScan, History, HistoryGuard};
use crate::{LedgerAdmin, LedgerError, Redo, ScanState};

impl History {
    /// Those of `names`, paths of results, whose comparison with earlier visits is outdated.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn outdated<'a>(&self, names: impl Iterator<Item = &'a Path>) -> Result<Vec<&'a Path>, LedgerError> {
        let places = self.lock().outdated_places()?;
        Ok(names.filter(|name| places.contains(&self.pseudonym_of_place(name))).collect())
    }

    /// Pseudonym of the path of results. It is keyed, so that without the key nobody can tell which scans are of one
    /// patient.
    pub(super) fn pseudonym_of_place(&self, name: &Path) -> String {
        hmac_sha256(&self.secret, &[b"place:", path_bytes(name)].concat())
    }
}

impl HistoryGuard<'_> {
    /// Marks the scans of the eye of `scan` whose comparison differs from that with the entries `before`.
    pub(super) fn mark_outdated(&self, scan: &EyeScan<'_>, before: &[Entry]) -> Result<(), LedgerError> {
        let (own, after) = (self.pseudonym_of(scan), self.entries(scan)?);
        let table = self.history.repeatability();
        let is_outdated =
            |entry: &&Entry| entry.scan != own && entry.follow_up(before, table) != entry.follow_up(&after, table);
        let mut mark = self.db.prepare_cached("UPDATE visits SET outdated = 1 WHERE scan = ?1 AND model = ?2")?;
        for entry in after.iter().filter(is_outdated) {
            mark.execute(params![entry.scan, scan.model])?;
        }
        Ok(())
    }

    /// Asks for the outdated results that the ledger knows. Those of a running scan stay outdated, and are asked for when
    /// the next scan is entered.
    pub(super) fn ask_anew(&self) -> Result<(), LedgerError> {
        let places = self.outdated_places()?;
        if places.is_empty() {
            return Ok(());
        }
        let mut admin = match LedgerAdmin::open(&self.history.out) {
            // A history without a watcher: whoever made the results asks for them by `outdated`.
            Err(LedgerError::Missing { .. }) => return Ok(()),
            admin => admin?,
        };
        let mut names: HashSet<PathBuf> = HashSet::new();
        admin.each(&mut |entry| {
            let result = entry.result.filter(|_| matches!(entry.state, ScanState::Written | ScanState::Running));
            names.extend(result.filter(|name| places.contains(&self.history.pseudonym_of_place(name))));
        })?;
        for name in names {
            // A file that is gone keeps its results as they are.
            let outcome = admin.redo(&name).map_err(|error| LedgerError::Damaged(error.to_string()))?;
            if outcome != Redo::Running {
                let place = self.history.pseudonym_of_place(&name);
                self.db.execute("UPDATE visits SET outdated = 0 WHERE place = ?1", [place])?;
            }
        }
        Ok(())
    }

    fn outdated_places(&self) -> Result<HashSet<String>, LedgerError> {
        let mut query = self.db.prepare_cached("SELECT place FROM visits WHERE outdated = 1 AND place IS NOT NULL")?;
        let places = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(places)
    }
}
