//! The audit: who changed what, and when.
//!
//! It is a table of the ledger to which rows are only added; SQLite refuses to change or remove them. Whoever can write
//! the database file could still do so with other tools, so each row holds a digest of itself and of the row before:
//! [`AuditLog::entries`] finds a row that was changed, removed or put in between.
//!
//! An operation that must not go unseen records its change with [`AuditLog::record`] before it takes effect.

use std::path::Path;

use jiff::Timestamp;
use octrls_core::ErrorCode;
use octrls_fs::{
    confined::create_parents,
    digest::sha256,
    platform::{host_name, user_name},
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::{
    LedgerError,
    folders::{LEDGER_FILE, STATE_FOLDER},
    ledger::open_database,
};

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditAction {
    /// The centre of a scan's grids, stated by hand.
    Centre,
    /// The lines of a scan, corrected by hand.
    Lines,
    /// A setting of the watcher.
    Setting,
    /// A scan is to be processed again.
    Redo,
    /// A scan was taken out of quarantine to be processed again.
    Release,
    /// A scan was deleted from quarantine.
    Delete,
    /// A patient was deleted from the follow-up history.
    Forget,
}

impl AuditAction {
    /// All actions.
    pub const ALL: [Self; 7] =
        [Self::Centre, Self::Lines, Self::Setting, Self::Redo, Self::Release, Self::Delete, Self::Forget];

    /// Its name in the ledger, on the command line and in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Centre => "centre",
            Self::Lines => "lines",
            Self::Setting => "setting",
            Self::Redo => "redo",
            Self::Release => "release",
            Self::Delete => "delete",
            Self::Forget => "forget",
        }
    }
}

impl std::str::FromStr for AuditAction {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|action| action.name() == name).ok_or_else(|| format!("not one of {}", names()))
    }
}

/// A change to record. Texts must not name a patient, other than a scan's path may.
#[derive(Clone, Copy, Debug)]
pub struct AuditChange<'a> {
    /// What was changed.
    pub action: AuditAction,
    /// Of what: the path of a scan below the root, or the name of a setting.
    pub subject: &'a str,
    /// The value before; `None` if there was none.
    pub before: Option<&'a str>,
    /// The value after; `None` if there is none.
    pub after: Option<&'a str>,
}

/// A recorded change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Position in the audit, from 1.
    pub number: i64,
    /// When, RFC 3339.
    pub at: String,
    /// Who: user and host.
    pub who: String,
    /// Name of the action; of a newer program, it may be none of [`AuditAction`].
    pub action: String,
    /// Of what.
    pub subject: String,
    /// The value before.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
    /// Version of the program.
    pub octrls: String,
    /// Whether the entry and its place are as they were recorded.
    pub is_intact: bool,
    digest: String,
}

/// Why the audit cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the audit: {0}")]
pub struct AuditError(#[from] LedgerError);

impl AuditError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.0.code()
    }
}

impl From<rusqlite::Error> for AuditError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.into())
    }
}

/// The audit of a results folder.
#[derive(Debug)]
pub struct AuditLog {
    db: Connection,
}

const COLUMNS: &str = "number, at, who, action, subject, before, after, octrls, digest";

impl AuditLog {
    /// Opens the audit of the results folder `out`; creates it, and the ledger, if they are missing.
    ///
    /// # Errors
    /// [`AuditError`] if the ledger cannot be used.
    pub fn open(out: &Path) -> Result<Self, AuditError> {
        let file = out.join(STATE_FOLDER).join(LEDGER_FILE);
        create_parents(out, &file).map_err(|error| LedgerError::Damaged(error.to_string()))?;
        let db = open_database(&file)?;
        db.execute_batch(include_str!("audit.sql"))?;
        Ok(Self { db })
    }

    /// Adds a change by the user who runs this program.
    ///
    /// # Errors
    /// [`AuditError`] if it cannot be written.
    pub fn record(&mut self, change: &AuditChange<'_>) -> Result<(), AuditError> {
        // Another process may be adding a row, too.
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let last = tx
            .query_row("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let (last, previous) = last.unwrap_or_default();
        let mut entry = AuditEntry {
            number: last + 1,
            at: Timestamp::now().to_string(),
            who: format!("{}@{}", user_name(), host_name().unwrap_or_else(|| "unknown host".to_owned())),
            action: change.action.name().to_owned(),
            subject: change.subject.to_owned(),
            before: change.before.map(str::to_owned),
            after: change.after.map(str::to_owned),
            octrls: env!("CARGO_PKG_VERSION").to_owned(),
            is_intact: true,
            digest: String::new(),
        };
        entry.digest = entry.chained(&previous);
        tx.execute(
            &format!("INSERT INTO audit ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
            params![
                entry.number,
                entry.at,
                entry.who,
                entry.action,
                entry.subject,
                entry.before,
                entry.after,
                entry.octrls,
                entry.digest
            ],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// Records every setting of `now` that differs from what was recorded last, and those that are no longer set.
    /// Returns their number.
    ///
    /// # Errors
    /// [`AuditError`] if the audit cannot be read or written.
    pub fn record_settings<'a>(
        &mut self,
        now: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<usize, AuditError> {
        let mut before = self.settings()?;
        let mut changes: Vec<(String, Option<String>, Option<String>)> = Vec::new();
        for (name, value) in now {
            let old = before.remove(name).flatten();
            if old.as_ref() != Some(&value) {
                changes.push((name.to_owned(), old, Some(value)));
            }
        }
        changes.extend(before.into_iter().filter_map(|(name, old)| Some((name, Some(old?), None))));
        for (name, before, after) in &changes {
            let (before, after) = (before.as_deref(), after.as_deref());
            self.record(&AuditChange { action: AuditAction::Setting, subject: name, before, after })?;
        }
        Ok(changes.len())
    }

    /// The last recorded value of every setting; `None` of one that is no longer set.
    fn settings(&self) -> Result<std::collections::BTreeMap<String, Option<String>>, AuditError> {
        let mut query = self.db.prepare("SELECT subject, after FROM audit WHERE action = ?1 ORDER BY number")?;
        let rows = query.query_map([AuditAction::Setting.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// [`AuditError`] if the ledger cannot be read.
    pub fn entries(&self) -> Result<Vec<AuditEntry>, AuditError> {
        let mut query = self.db.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY number"))?;
        let mut entries: Vec<AuditEntry> = query.query_map([], entry)?.collect::<Result<_, _>>()?;
        let (mut previous, mut number) = (String::new(), 0);
        for entry in &mut entries {
            entry.is_intact = entry.number == number + 1 && entry.digest == entry.chained(&previous);
            (previous, number) = (entry.digest.clone(), entry.number);
        }
        Ok(entries)
    }
}

impl AuditEntry {
    /// SHA-256 of the entry after one with the digest `previous`. Each text states its length, so that no two entries
    /// have the same bytes.
    fn chained(&self, previous: &str) -> String {
        let mut bytes = Vec::new();
        let number = self.number.to_string();
        let texts = [previous, &number, &self.at, &self.who, &self.action, &self.subject, &self.octrls].map(Some);
        for text in texts.into_iter().chain([self.before.as_deref(), self.after.as_deref()]) {
            match text {
                Some(text) => bytes.extend(format!("{}:{text}", text.len()).bytes()),
                None => bytes.push(b'-'),
            }
        }
        sha256(&bytes)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        number: row.get(0)?,
        at: row.get(1)?,
        who: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        before: row.get(5)?,
        after: row.get(6)?,
        octrls: row.get(7)?,
        digest: row.get(8)?,
        is_intact: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn centre<'a>(scan: &'a str, after: &'a str) -> AuditChange<'a> {
        AuditChange { action: AuditAction::Centre, subject: scan, before: None, after: Some(after) }
    }

    #[test]
    fn changes_are_kept_in_order_with_user_and_time() {
        let out = tempfile::tempdir().unwrap();
        let mut audit = AuditLog::open(out.path()).unwrap();
        audit.record(&centre("a.vol", "0.2,0.1")).unwrap();
        AuditLog::open(out.path()).unwrap().record(&centre("b.vol", "1,1")).unwrap();
        let entries = audit.entries().unwrap();
        let subjects: Vec<_> = entries.iter().map(|e| (e.number, e.subject.as_str(), e.is_intact)).collect();
        assert_eq!(subjects, [(1, "a.vol", true), (2, "b.vol", true)]);
        assert!(entries[0].who.contains('@') && entries[0].at.parse::<Timestamp>().is_ok());
    }

    #[test]
    fn rows_can_be_neither_changed_nor_removed() {
        let out = tempfile::tempdir().unwrap();
        let mut audit = AuditLog::open(out.path()).unwrap();
        audit.record(&centre("a.vol", "0.2,0.1")).unwrap();
        for sql in ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit"] {
            assert!(audit.db.execute(sql, []).unwrap_err().to_string().contains("only be added to"), "{sql}");
        }
    }

    #[test]
    fn rows_that_were_changed_by_other_means_are_found() {
        let forge = |sql: &str| {
            let out = tempfile::tempdir().unwrap();
            let mut audit = AuditLog::open(out.path()).unwrap();
            for scan in ["a.vol", "b.vol", "c.vol"] {
                audit.record(&centre(scan, "0,0")).unwrap();
            }
            audit.db.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened;").unwrap();
            audit.db.execute_batch(sql).unwrap();
            audit.entries().unwrap().iter().map(|entry| entry.is_intact).collect::<Vec<_>>()
        };
        assert_eq!(forge("UPDATE audit SET who = 'nobody' WHERE number = 2"), [true, false, true]);
        assert_eq!(forge("DELETE FROM audit WHERE number = 2"), [true, false]);
        assert_eq!(forge("UPDATE audit SET before = '-' WHERE number = 1"), [false, true, true]);
    }

    #[test]
    fn settings_are_recorded_when_they_differ_from_the_last() {
        let out = tempfile::tempdir().unwrap();
        let mut audit = AuditLog::open(out.path()).unwrap();
        let set = |values: &[(&'static str, &str)]| values.iter().map(|&(n, v)| (n, v.to_owned())).collect::<Vec<_>>();
        assert_eq!(audit.record_settings(set(&[("ez", "band"), ("stable", "2")])).unwrap(), 2);
        assert_eq!(audit.record_settings(set(&[("ez", "band"), ("stable", "2")])).unwrap(), 0);
        assert_eq!(audit.record_settings(set(&[("ez", "outer")])).unwrap(), 2);
        assert_eq!(audit.record_settings(set(&[("ez", "outer")])).unwrap(), 0);
        let changes: Vec<_> = audit.entries().unwrap().into_iter().map(|e| (e.subject, e.before, e.after)).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(changes[2], ("ez".to_owned(), text("band"), text("outer")));
        assert_eq!(changes[3], ("stable".to_owned(), text("2"), None));
    }
}
