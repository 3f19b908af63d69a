//! Opens and creates the ledger's database file, and migrates it to the current schema.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior};

use super::{error::LedgerError, schema::STEPS};

/// Opens or creates the database at `file`. Older schemas are migrated in one transaction.
pub(crate) fn open(file: &Path) -> Result<Connection, LedgerError> {
    if file.is_symlink() {
        return Err(LedgerError::Damaged(format!("{} is a link", file.display())));
    }
    let mut db = Connection::open(file)?;
    db.busy_timeout(Duration::from_secs(10))?;
    // The file may come from anywhere: its schema must not call our functions, and SQLite checks every cell before use.
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.pragma_update(None, "cell_size_check", "ON")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Another process may be migrating too.
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
    use crate::ledger::schema::VERSION;

    const OLD_ROWS: &str = "
        INSERT INTO scans VALUES ('x', 'octrls.result/1 abc', 'done', 1, NULL, NULL, 'a.png', 'a.png', '2026-01', '2026-02');
        INSERT INTO scans VALUES ('y', 'octrls.result/1 abc', 'queued', 2, 'E-X', 'why', 'b.png', NULL, '2026-03', '2026-04');
        INSERT INTO scans VALUES ('z', 'copier', 'superseded', 1, NULL, NULL, x'ff', NULL, '2026-05', '2026-06');
        INSERT INTO paths VALUES ('a.png', 1, 2, NULL, NULL, 'x');";

    #[test]
    fn ledgers_of_older_versions_keep_their_rows() {
        for version in 1..STEPS.len() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("ledger.sqlite");
            let old = Connection::open(&file).unwrap();
            STEPS[..version].iter().for_each(|step| old.execute_batch(step).unwrap());
            old.execute_batch(OLD_ROWS).unwrap();
            drop(old);
            for _ in 0..2 {
                let db = open(&file).unwrap();
                let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, Option<String>>(0)).unwrap();
                let all = "SELECT group_concat(content || ':' || state || ':' || attempts, ' ') FROM scans";
                assert_eq!(text(all).as_deref(), Some("x:written:1 y:hashed:2 z:superseded:1"));
                let times = "SELECT model || ' ' || finished || ' ' || first_taken || ' ' || result FROM scans WHERE content = 'x'";
                assert_eq!(text(times).as_deref(), Some("abc 2026-02 2026-01 a.png"));
                assert_eq!(
                    text("SELECT code || ' ' || reason FROM scans WHERE content = 'y'").as_deref(),
                    Some("E-X why")
                );
                assert_eq!(text("SELECT model FROM scans WHERE content = 'z'"), None);
                assert_eq!(text("SELECT content FROM paths WHERE path = 'a.png'").as_deref(), Some("x"));
                assert_eq!(text("SELECT CAST(count(*) AS TEXT) FROM visits").as_deref(), Some("0"));
                assert_eq!(db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), VERSION);
            }
        }
    }
}
