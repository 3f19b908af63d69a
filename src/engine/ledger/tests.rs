use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{Intake, Ledger, LedgerError, Recall};
use crate::engine::{
    content::Content,
    stamp::{FileStamp, Stamp},
};

struct Desk {
    out: TempDir,
    ledger: Option<Ledger>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self { out: tempfile::tempdir().unwrap(), ledger: None };
        desk.restart("model 1");
        desk
    }

    fn file(&self) -> PathBuf {
        self.out.path().join("ledger.sqlite")
    }

    /// Opens the ledger again, as after a crash.
    fn restart(&mut self, model: &str) {
        self.ledger = None;
        self.ledger = Some(Ledger::open(&self.file(), self.out.path(), model.into()).unwrap());
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().unwrap()
    }

    fn begin(&mut self, path: &str, content: &str) -> Intake {
        self.ledger().begin(path.as_ref(), stamp(content), &named(content), 3).unwrap()
    }

    fn done(&mut self, path: &str, content: &str) {
        fs::create_dir_all(self.out.path().join(path)).unwrap();
        self.ledger().done(path.as_ref(), stamp(content), &named(content)).unwrap();
    }

    fn recall(&mut self, path: &str, content: &str) -> Recall {
        self.ledger().recall(path.as_ref(), stamp(content)).unwrap()
    }
}

/// A content to be told from others by name; each name has a length of its own, and so a stamp.
fn named(content: &str) -> Content {
    Content::named(content)
}

fn stamp(content: &str) -> Stamp {
    Stamp { scan: FileStamp { bytes: content.len() as u64, modified_ns: 1 }, sidecar: None }
}

const FIRST: Intake = Intake::Run { attempt: 1 };

#[test]
fn a_done_content_is_known_by_path_and_by_content() {
    let mut desk = Desk::new();
    assert_eq!(desk.recall("a.png", "x"), Recall::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    assert_eq!(desk.begin("b.png", "x"), Intake::Busy);
    desk.done("a.png", "x");
    assert_eq!(desk.recall("a.png", "x"), Recall::Done);
    assert_eq!(desk.recall("a.png", "changed"), Recall::Unknown);
    assert_eq!(desk.begin("b.png", "x"), Intake::AlreadyDone);
    assert_eq!(desk.recall("b.png", "x"), Recall::Done);
}

#[test]
fn another_model_processes_again() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    desk.restart("model 2");
    assert_eq!(desk.recall("a.png", "x"), Recall::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    desk.done("a.png", "x");
    desk.restart("model 1");
    assert_eq!(desk.begin("a.png", "x"), FIRST, "the second model's results replaced those of the first");
}

#[test]
fn replaced_results_are_no_longer_those_of_the_first_content() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    assert_eq!(desk.begin("b.png", "x"), Intake::AlreadyDone);
    assert_eq!(desk.begin("a.png", "other"), FIRST);
    desk.done("a.png", "other");
    assert_eq!(desk.recall("b.png", "x"), Recall::Unknown);
    assert_eq!(desk.begin("b.png", "x"), FIRST);
}

#[test]
fn known_content_replaces_the_stale_results_under_its_new_name() {
    let mut desk = Desk::new();
    for (path, content) in [("a.png", "x"), ("b.png", "other")] {
        desk.begin(path, content);
        desk.done(path, content);
    }
    assert_eq!(desk.begin("a.png", "other"), FIRST);
}

#[test]
fn attempts_that_end_the_program_are_counted() {
    let mut desk = Desk::new();
    for attempt in 1..=3 {
        assert_eq!(desk.begin("a.png", "x"), Intake::Run { attempt });
        desk.restart("model 1");
    }
    assert!(matches!(desk.begin("a.png", "x"), Intake::Exhausted { attempts: 3, .. }));
}

#[test]
fn released_attempts_do_not_count_and_failed_ones_do() {
    let mut desk = Desk::new();
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    desk.ledger().release(&named("x")).unwrap();
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    desk.ledger().failed(&named("x"), "E-X", "why").unwrap();
    assert_eq!(desk.begin("a.png", "x"), Intake::Run { attempt: 2 });
    let failure = ("E-X", "why");
    desk.ledger().quarantined("a.png".as_ref(), Some(stamp("x")), &named("x"), failure).unwrap();
    assert_eq!(desk.recall("a.png", "x"), Recall::Quarantined);
    desk.ledger().quarantined("a.png".as_ref(), None, &named("x"), failure).unwrap();
    assert_eq!(desk.recall("a.png", "x"), Recall::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST, "brought back from quarantine");
}

#[test]
fn vanished_results_are_made_again() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    fs::remove_dir(desk.out.path().join("a.png")).unwrap();
    assert_eq!(desk.recall("a.png", "x"), Recall::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST);
}

#[cfg(unix)]
#[test]
fn names_need_not_be_utf8() {
    let mut desk = Desk::new();
    let path: &Path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9.png").as_ref();
    desk.ledger().begin(path, stamp("x"), &named("x"), 3).unwrap();
    fs::create_dir_all(desk.out.path().join(path)).unwrap();
    desk.ledger().done(path, stamp("x"), &named("x")).unwrap();
    assert_eq!(desk.ledger().recall(path, stamp("x")).unwrap(), Recall::Done);
    fs::remove_dir(desk.out.path().join(path)).unwrap();
    assert_eq!(desk.ledger().recall(path, stamp("x")).unwrap(), Recall::Unknown);
}

#[test]
fn a_newer_or_damaged_ledger_is_refused() {
    let mut desk = Desk::new();
    desk.ledger().db.pragma_update(None, "user_version", 99).unwrap();
    desk.ledger = None;
    let open = |desk: &Desk| Ledger::open(&desk.file(), desk.out.path(), String::new()).unwrap_err();
    let error = open(&desk);
    assert!(matches!(error, LedgerError::Newer { found: 99 }), "{error}");
    fs::write(desk.file(), "this is no database".repeat(100)).unwrap();
    assert_eq!(open(&desk).code(), "E-LEDGER");
}
