use octrls_core::ErrorCode;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Admission, Fingerprint, Found, Ledger, LedgerError, PathStatus, Records, ScanState};
use crate::{
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

    /// Reopens the ledger, as after a crash.
    fn restart(&mut self, model: &str) {
        self.ledger = None;
        self.ledger = Some(Ledger::open(&self.file(), self.out.path(), recipe(model), &[]).unwrap());
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().unwrap()
    }

    fn begin(&mut self, path: &str, content: &str) -> Admission {
        self.ledger().begin(found(path.as_ref(), content), &named(content), 3).unwrap()
    }

    fn done(&mut self, path: &str, content: &str) {
        fs::create_dir_all(self.out.path().join(path)).unwrap();
        self.ledger().done(path.as_ref(), stamp(content), &named(content)).unwrap();
    }

    fn recall(&mut self, path: &str, content: &str) -> PathStatus {
        self.ledger().recall(path.as_ref(), stamp(content)).unwrap()
    }
}

/// A content with the given name. Each name must have its own length, which sets the stamp.
fn named(content: &str) -> Content {
    Content::named(content)
}

fn stamp(content: &str) -> Stamp {
    Stamp { scan: FileStamp { bytes: content.len() as u64, modified_ns: 1 }, sidecar: None, of_series: false }
}

fn found<'a>(path: &'a Path, content: &str) -> Found<'a> {
    Found { path, stamp: stamp(content), queued: Timestamp::UNIX_EPOCH }
}

fn recipe(model: &str) -> Fingerprint {
    Fingerprint { fingerprint: model.into(), model: format!("hash of {model}") }
}

const FIRST: Admission = Admission::Run { attempt: 1 };

#[test]
fn a_done_content_is_known_by_path_and_by_content() {
    let mut desk = Desk::new();
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    assert_eq!(desk.begin("b.png", "x"), Admission::Busy);
    desk.done("a.png", "x");
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Done);
    assert_eq!(desk.recall("a.png", "changed"), PathStatus::Unknown);
    assert_eq!(desk.begin("b.png", "x"), Admission::AlreadyDone);
    assert_eq!(desk.recall("b.png", "x"), PathStatus::Done);
}

#[test]
fn another_model_processes_again() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    desk.restart("model 2");
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Unknown);
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
    assert_eq!(desk.begin("b.png", "x"), Admission::AlreadyDone);
    assert_eq!(desk.begin("a.png", "other"), FIRST);
    desk.done("a.png", "other");
    assert_eq!(desk.recall("b.png", "x"), PathStatus::Unknown);
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
        assert_eq!(desk.begin("a.png", "x"), Admission::Run { attempt });
        desk.restart("model 1");
    }
    assert!(matches!(desk.begin("a.png", "x"), Admission::Exhausted { attempts: 3, .. }));
}

#[test]
fn released_attempts_do_not_count_and_failed_ones_do() {
    let mut desk = Desk::new();
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    desk.ledger().release(&named("x")).unwrap();
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    desk.ledger().failed(&named("x"), ErrorCode::ReadIo, "why").unwrap();
    assert_eq!(desk.begin("a.png", "x"), Admission::Run { attempt: 2 });
    let failure = (ErrorCode::ReadIo, "why");
    desk.ledger().quarantined("a.png".as_ref(), Some(stamp("x")), &named("x"), failure).unwrap();
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Quarantined);
    desk.ledger().quarantined("a.png".as_ref(), None, &named("x"), failure).unwrap();
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST, "brought back from quarantine");
}

#[test]
fn vanished_results_are_made_again() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    fs::remove_dir(desk.out.path().join("a.png")).unwrap();
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST);
}

#[test]
fn names_need_not_be_utf8() {
    let mut desk = Desk::new();
    let path: &Path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9.png").as_ref();
    desk.ledger().begin(found(path, "x"), &named("x"), 3).unwrap();
    fs::create_dir_all(desk.out.path().join(path)).unwrap();
    desk.ledger().done(path, stamp("x"), &named("x")).unwrap();
    assert_eq!(desk.ledger().recall(path, stamp("x")).unwrap(), PathStatus::Done);
    fs::remove_dir(desk.out.path().join(path)).unwrap();
    assert_eq!(desk.ledger().recall(path, stamp("x")).unwrap(), PathStatus::Unknown);
}

#[test]
fn a_newer_or_damaged_ledger_is_refused() {
    let mut desk = Desk::new();
    desk.ledger().db.pragma_update(None, "user_version", 99).unwrap();
    desk.ledger = None;
    let open = |desk: &Desk| Ledger::open(&desk.file(), desk.out.path(), recipe(""), &[]).unwrap_err();
    let error = open(&desk);
    assert!(matches!(error, LedgerError::Newer { found: 99 }), "{error}");
    fs::write(desk.file(), "this is no database".repeat(100)).unwrap();
    assert_eq!(open(&desk).code(), "E-LEDGER");
}

#[test]
fn the_records_tell_what_happened_and_when() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    desk.begin("b.png", "broken");
    desk.ledger().quarantined("b.png".as_ref(), None, &named("broken"), (ErrorCode::ReadIo, "why")).unwrap();
    let records = Records::open(&desk.file()).unwrap();
    let mut all = Vec::new();
    records.each(&mut |entry| all.push(entry)).unwrap();
    let states: Vec<_> = all.iter().map(|e| (e.path.to_str().unwrap(), e.state.name(), e.attempts)).collect();
    assert_eq!(states, [("a.png", "written", 1), ("b.png", "quarantined", 1)]);
    let [done, given_up] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(done.result.as_deref(), Some(Path::new("a.png")));
    assert_eq!((done.bytes, done.model.as_deref()), (Some(1), Some("hash of model 1")));
    assert_eq!(done.config, octrls_fs::digest::sha256(b"model 1"));
    assert_eq!(done.queued, Some(Timestamp::UNIX_EPOCH));
    assert!(done.started <= done.finished && done.seconds.is_some_and(|s| s >= 0.0), "{done:?}");
    assert_eq!((given_up.code.as_deref(), given_up.reason.as_deref()), (Some("E-READ-IO"), Some("why")));
}

#[test]
fn renewed_content_is_taken_again_but_not_from_its_copies() {
    let mut desk = Desk::new();
    desk.begin("a.png", "x");
    desk.done("a.png", "x");
    assert_eq!(desk.begin("copy.png", "x"), Admission::AlreadyDone);
    let records = Records::open(&desk.file()).unwrap();
    let entries = records.at(Path::new("copy.png")).unwrap();
    assert!(records.renew(&entries[0], Path::new("a.png")).unwrap());
    records.ask(Path::new("a.png")).unwrap();
    assert_eq!(desk.ledger().take_requests().unwrap(), [PathBuf::from("a.png")]);
    assert!(desk.ledger().take_requests().unwrap().is_empty());
    assert_eq!(desk.recall("copy.png", "x"), PathStatus::Done, "its results are there until they are replaced");
    assert_eq!(desk.recall("a.png", "x"), PathStatus::Unknown);
    assert_eq!(desk.begin("a.png", "x"), FIRST);
    assert!(!records.renew(&entries[0], Path::new("a.png")).unwrap(), "a worker has it");
    assert_eq!(desk.ledger().earlier_result(&named("x")).unwrap(), Some("a.png".into()));
    desk.done("a.png", "x");
    assert_eq!(desk.begin("copy.png", "x"), Admission::AlreadyDone);
}

#[test]
fn expired_content_is_not_made_again_unless_asked_for() {
    let mut desk = Desk::new();
    for content in ["x", "other"] {
        desk.begin(&format!("{content}.png"), content);
        desk.done(&format!("{content}.png"), content);
    }
    assert!(desk.ledger().outdated(Duration::from_hours(1), 0).unwrap().is_empty());
    let old = desk.ledger().outdated(Duration::ZERO, 0).unwrap();
    assert_eq!(old.iter().map(|(_, path)| path.to_str().unwrap()).collect::<Vec<_>>(), ["x.png", "other.png"]);
    assert_eq!(desk.ledger().outdated(Duration::ZERO, old[0].0).unwrap().len(), 1);
    desk.ledger().expire(old[0].0).unwrap();
    fs::remove_dir(desk.out.path().join("x.png")).unwrap();
    assert_eq!(desk.recall("x.png", "x"), PathStatus::Done);
    assert_eq!(desk.begin("copy.png", "x"), Admission::AlreadyDone);
    let records = Records::open(&desk.file()).unwrap();
    let entry = records.at(Path::new("x.png")).unwrap().remove(0);
    assert_eq!(entry.state, ScanState::Expired);
    assert!(records.renew(&entry, Path::new("x.png")).unwrap());
    assert_eq!(desk.recall("x.png", "x"), PathStatus::Unknown);
    assert_eq!(desk.begin("x.png", "x"), FIRST);
}
