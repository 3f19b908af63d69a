//! The file of the ledger: opened, made, and brought to the present schema.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior};

use super::LedgerError;

/// The schema that this program writes.
pub(super) const VERSION: i64 = 2;

/// What leads from each version to the next, the first from an empty file.
const STEPS: [&str; VERSION as usize] = [include_str!("schema.sql"), include_str!("visits.sql")];

/// Opens or creates the database at `file`; an older one is brought to the present schema, as a whole or not at all.
pub(in crate::engine) fn open(file: &Path) -> Result<Connection, LedgerError> {
    let mut db = Connection::open(file)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Another process may be about to do the same.
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).ok().filter(|&done| done <= STEPS.len());
    for step in &STEPS[done.ok_or(LedgerError::Newer { found })?..] {
        tx.execute_batch(step)?;
    }
    tx.commit()?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_the_first_version_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        let row = "INSERT INTO scans VALUES ('x', 'model', 'done', 1, NULL, NULL, 'a.png', 'a.png', '2026', '2026')";
        old.execute(row, []).unwrap();
        drop(old);
        for _ in 0..2 {
            let db = open(&file).unwrap();
            let count = |table: &str| {
                db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
            };
            assert_eq!((count("scans"), count("visits")), (1, 0));
            assert_eq!(db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), VERSION);
        }
    }
}
