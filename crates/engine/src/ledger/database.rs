//! Opens and creates the ledger's database file, and migrates it to the current schema.

use std::{
    fs::{self, File},
    io,
    mem::ManuallyDrop,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use octrls_fs::{durable::private_file, platform::FileId};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{error::LedgerError, schema::STEPS};

/// How long to wait for another process that holds the lock. Ours hold it for milliseconds; a backup or a person with a
/// database shell may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first bytes of a database, see the file format of SQLite, section 1.3.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens or creates the database at `file`. Older schemas are migrated in one transaction.
///
/// Nobody but owner and group can read the file, whatever the umask; SQLite gives the files beside it the same mode.
pub(crate) fn open(file: &Path) -> Result<Connection, LedgerError> {
    if file.is_symlink() {
        return Err(LedgerError::Damaged(format!("{} is a link", file.display())));
    }
    let failed = |source: io::Error| LedgerError::File { source };
    private_file(file).map_err(failed)?;
    for beside in ["-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(beside);
        let name = PathBuf::from(name);
        if fs::symlink_metadata(&name).is_ok_and(|found| found.is_file()) {
            private_file(&name).map_err(failed)?;
        }
    }
    let mut db = Connection::open(file)?;
    db.busy_timeout(PATIENCE)?;
    // The file may come from anywhere: its schema must not call our functions, and SQLite checks every cell before use.
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.pragma_update(None, "cell_size_check", "ON")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Another process may be migrating too.
    let tx = immediate(&mut db)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).ok().filter(|&done| done <= STEPS.len());
    for step in &STEPS[done.ok_or(LedgerError::Newer { found })?..] {
        tx.execute_batch(step)?;
    }
    tx.commit()?;
    Ok(db)
}

/// Begins a transaction that may write. It waits for other writers here: one that began by reading would fail at once
/// if another process wrote in between.
pub(crate) fn immediate(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// The file behind an open database, to notice when another takes its name.
///
/// When a process closes a file, it loses all its locks on it, also those of SQLite through other handles. So the handle
/// is never closed.
#[derive(Clone, Debug)]
pub(crate) struct LedgerFile {
    path: PathBuf,
    content: Arc<ManuallyDrop<File>>,
    id: FileId,
    /// The folder around it.
    folder: Option<FileId>,
}

impl LedgerFile {
    pub(crate) fn of(file: &Path) -> Result<Self, LedgerError> {
        let found = fs::symlink_metadata(file).map_err(|source| LedgerError::File { source })?;
        let content = File::open(file).map_err(|source| LedgerError::File { source })?;
        let content = Arc::new(ManuallyDrop::new(content));
        Ok(Self { path: file.to_owned(), content, id: FileId::of(&found), folder: folder_of(file) })
    }

    /// Checks that the file is still there and still a database. If its disk is unreachable, or another is mounted in its
    /// place, there is no answer.
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        if self.folder.is_some() && folder_of(&self.path) != self.folder {
            return Ok(());
        }
        let gone = |what: &str| Err(LedgerError::Lost { what: what.to_owned() });
        match fs::symlink_metadata(&self.path) {
            Ok(found) if FileId::of(&found) != self.id => return gone("was replaced by another file"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return gone("was deleted"),
            _ => {}
        }
        let mut start = [0; MAGIC.len()];
        match self.content.read_exact_at(&mut start, 0) {
            Ok(()) if start != *MAGIC => gone("was overwritten"),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => gone("was overwritten"),
            _ => Ok(()),
        }
    }
}

/// The identity of the folder around `file`.
fn folder_of(file: &Path) -> Option<FileId> {
    Some(FileId::of(&fs::metadata(file.parent()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::schema::VERSION;

    #[test]
    fn visits_of_older_versions_are_kept_and_not_outdated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        let old = Connection::open(&file).unwrap();
        STEPS[..3].iter().for_each(|step| old.execute_batch(step).unwrap());
        old.execute_batch("INSERT INTO visits VALUES ('p', '\"OD\"', 's', 'm', 'd', 1, '{}', '\"good\"', '{}')")
            .unwrap();
        drop(old);
        let db = open(&file).unwrap();
        let row = db.query_row("SELECT scan, place, outdated FROM visits", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, i64>(2)?))
        });
        assert_eq!(row.unwrap(), ("s".to_owned(), None, 0));
    }

    const OLD_ROWS: &str = "
        INSERT INTO scans VALUES ('x', 'octrls.result/1 abc', 'done', 1, NULL, NULL, 'a.png', 'a.png', '2026-01', '2026-02');
        INSERT INTO scans VALUES ('y', 'octrls.result/1 abc', 'queued', 2, 'E-X', 'why', 'b.png', NULL, '2026-03', '2026-04');
        INSERT INTO scans VALUES ('z', 'copier', 'superseded', 1, NULL, NULL, x'ff', NULL, '2026-05', '2026-06');
        INSERT INTO paths VALUES ('a.png', 1, 2, NULL, NULL, 'x');";

    #[test]
    fn a_ledger_of_version_3_keeps_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        let old = Connection::open(&file).unwrap();
        STEPS[..3].iter().for_each(|step| old.execute_batch(step).unwrap());
        old.execute_batch("INSERT INTO paths VALUES ('a.png', 1, 2, NULL, NULL, 'x')").unwrap();
        drop(old);
        let db = open(&file).unwrap();
        let kept = "SELECT content || bytes || (change IS NULL) FROM paths WHERE path = 'a.png'";
        assert_eq!(db.query_row(kept, [], |row| row.get::<_, String>(0)).unwrap(), "x11");
        assert_eq!(db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), VERSION);
    }

    #[test]
    fn ledgers_of_older_versions_keep_their_rows() {
        // Later versions have these rows with other columns.
        for version in 1..=2 {
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

    #[test]
    fn the_ledger_is_private_whatever_the_umask() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        // As version 0.2 left it.
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        for _ in 0..2 {
            let db = open(&file).unwrap();
            db.execute_batch("DELETE FROM paths").unwrap();
            for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
                assert_eq!(mode(name) & !0o640, 0, "{name} has mode {:o}", mode(name));
            }
            drop(db);
            fs::remove_file(&file).unwrap();
        }
    }

    #[test]
    fn a_lost_ledger_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        let _db = open(&file).unwrap();
        let ledger = LedgerFile::of(&file).unwrap();
        ledger.check().unwrap();
        let lost = || ledger.check().unwrap_err().to_string();
        let content = fs::read(&file).unwrap();
        fs::write(&file, "something else that is long enough").unwrap();
        assert!(lost().contains("overwritten"));
        fs::write(&file, "").unwrap();
        assert!(lost().contains("overwritten"));
        fs::write(&file, &content).unwrap();
        ledger.check().unwrap();
        fs::rename(&file, folder.path().join("away")).unwrap();
        assert!(lost().contains("deleted"));
        fs::write(&file, &content).unwrap();
        assert!(lost().contains("replaced"));
        assert_eq!(ledger.check().unwrap_err().code(), "E-LEDGER-LOST");
    }

    #[test]
    fn looking_after_the_file_releases_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        let _first = open(&file).unwrap();
        let locks = || {
            let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file).unwrap()).to_string();
            let (table, own) = (fs::read_to_string("/proc/locks").unwrap(), std::process::id().to_string());
            let is_ours = |line: &&str| line.contains("POSIX") && line.contains(&own) && line.contains(&inode);
            table.lines().filter(is_ours).count()
        };
        assert_eq!(locks(), 1, "a lock shows others that the log is in use");
        let ledger = LedgerFile::of(&file).unwrap();
        ledger.check().unwrap();
        drop(ledger);
        let second = open(&file).unwrap();
        drop(second);
        private_file(&file).unwrap();
        assert_eq!(locks(), 1);
    }
}
