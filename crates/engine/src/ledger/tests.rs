use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use octrls_core::ErrorCode;
use tempfile::TempDir;

use super::{Admission, Fingerprint, Ledger, LedgerError, PathStatus, Records, ScanState, StableFile};
use crate::{
    intake::stamp::{FileStamp, Patience, Stamp},
    work::content::Content,
};

struct Fixture {
    out: TempDir,
    ledger: Option<Ledger>,
}

impl Fixture {
    fn new() -> Self {
        let mut fixture = Self { out: tempfile::tempdir().unwrap(), ledger: None };
        fs::create_dir(fixture.out.path().join(".octrls")).unwrap();
        fixture.restart("model 1");
        fixture
    }

    fn file(&self) -> PathBuf {
        self.out.path().join("ledger.sqlite")
    }

    /// Reopens the ledger, as after a crash.
    fn restart(&mut self, model: &str) {
        self.ledger = None;
        self.ledger = Some(Ledger::open(&self.file(), self.out.path(), fingerprint(model), &[]).unwrap());
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().unwrap()
    }

    fn begin(&mut self, path: &str, content: &str) -> Admission {
        self.ledger().begin(found(path.as_ref(), content), &content_named(content), 3).unwrap()
    }

    fn done(&mut self, path: &str, content: &str) {
        fs::create_dir_all(self.out.path().join(path)).unwrap();
        self.ledger().done(path.as_ref(), stamp(content), &content_named(content)).unwrap();
    }

    fn status_of(&mut self, path: &str, content: &str) -> PathStatus {
        self.ledger().status_of(path.as_ref(), stamp(content)).unwrap()
    }
}

/// A content with the given name. Each name must have its own length, which sets the stamp.
fn content_named(content: &str) -> Content {
    Content::of_key(content)
}

fn stamp(content: &str) -> Stamp {
    let scan = FileStamp { bytes: content.len() as u64, modified_ns: 1, change: 1 };
    Stamp { scan, sidecar: None, patience: Patience::Usual }
}

fn found<'a>(path: &'a Path, content: &str) -> StableFile<'a> {
    StableFile { path, stamp: stamp(content), queued: Timestamp::UNIX_EPOCH }
}

fn fingerprint(model: &str) -> Fingerprint {
    Fingerprint { fingerprint: model.into(), model: format!("hash of {model}") }
}

const FIRST: Admission = Admission::Run { attempt: 1 };

#[test]
fn finished_content_is_known_by_path_and_by_content() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("a.png", "x"), FIRST);
    assert_eq!(fixture.begin("b.png", "x"), Admission::Busy);
    fixture.done("a.png", "x");
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Done);
    assert_eq!(fixture.status_of("a.png", "changed"), PathStatus::Unknown);
    assert_eq!(fixture.begin("b.png", "x"), Admission::AlreadyDone);
    assert_eq!(fixture.status_of("b.png", "x"), PathStatus::Done);
}

#[test]
fn another_model_processes_again() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    fixture.restart("model 2");
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("a.png", "x"), FIRST);
    fixture.done("a.png", "x");
    fixture.restart("model 1");
    assert_eq!(fixture.begin("a.png", "x"), FIRST, "the second model's results replaced those of the first");
}

#[test]
fn replaced_results_no_longer_belong_to_the_first_content() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    assert_eq!(fixture.begin("b.png", "x"), Admission::AlreadyDone);
    assert_eq!(fixture.begin("a.png", "other"), FIRST);
    fixture.done("a.png", "other");
    assert_eq!(fixture.status_of("b.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("b.png", "x"), FIRST);
}

#[test]
fn known_content_replaces_stale_results_under_its_new_name() {
    let mut fixture = Fixture::new();
    for (path, content) in [("a.png", "x"), ("b.png", "other")] {
        fixture.begin(path, content);
        fixture.done(path, content);
    }
    assert_eq!(fixture.begin("a.png", "other"), FIRST);
}

#[test]
fn attempts_that_crash_the_program_are_counted() {
    let mut fixture = Fixture::new();
    for attempt in 1..=3 {
        assert_eq!(fixture.begin("a.png", "x"), Admission::Run { attempt });
        fixture.restart("model 1");
    }
    assert!(matches!(fixture.begin("a.png", "x"), Admission::Exhausted { attempts: 3, .. }));
}

#[test]
fn contents_that_may_have_crashed_the_program_run_one_at_a_time() {
    let mut fixture = Fixture::new();
    for (path, content) in [("a.png", "x"), ("b.png", "yy")] {
        assert_eq!(fixture.begin(path, content), FIRST);
    }
    fixture.restart("model 1");
    let interrupted = fixture.ledger().take_interrupted();
    let found: Vec<_> = interrupted.iter().map(|scan| (scan.path.to_str().unwrap(), scan.attempts)).collect();
    assert_eq!(found, [("a.png", 1), ("b.png", 1)]);
    assert_eq!(fixture.begin("a.png", "x"), Admission::Run { attempt: 2 });
    assert_eq!(fixture.begin("b.png", "yy"), Admission::After { other: content_named("x") });
    assert_eq!(fixture.begin("c.png", "new"), FIRST, "others are not held up");
    fixture.done("a.png", "x");
    assert_eq!(fixture.begin("b.png", "yy"), Admission::Run { attempt: 2 });
}

#[test]
fn released_attempts_do_not_count_and_failed_ones_do() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.begin("a.png", "x"), FIRST);
    fixture.ledger().release(&content_named("x")).unwrap();
    assert_eq!(fixture.begin("a.png", "x"), FIRST);
    fixture.ledger().failed(&content_named("x"), ErrorCode::ReadIo, "why").unwrap();
    assert_eq!(fixture.begin("a.png", "x"), Admission::Run { attempt: 2 });
    let failure = (ErrorCode::ReadIo, "why");
    fixture.ledger().quarantined("a.png".as_ref(), Some(stamp("x")), &content_named("x"), failure).unwrap();
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Quarantined);
    fixture.ledger().quarantined("a.png".as_ref(), None, &content_named("x"), failure).unwrap();
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("a.png", "x"), FIRST, "brought back from quarantine");
}

#[test]
fn missing_results_are_recreated() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    fs::remove_dir(fixture.out.path().join("a.png")).unwrap();
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("a.png", "x"), FIRST);
}

#[test]
fn names_need_not_be_utf8() {
    let mut fixture = Fixture::new();
    let path: &Path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9.png").as_ref();
    fixture.ledger().begin(found(path, "x"), &content_named("x"), 3).unwrap();
    fs::create_dir_all(fixture.out.path().join(path)).unwrap();
    fixture.ledger().done(path, stamp("x"), &content_named("x")).unwrap();
    assert_eq!(fixture.ledger().status_of(path, stamp("x")).unwrap(), PathStatus::Done);
    fs::remove_dir(fixture.out.path().join(path)).unwrap();
    assert_eq!(fixture.ledger().status_of(path, stamp("x")).unwrap(), PathStatus::Unknown);
}

#[test]
fn a_newer_or_damaged_ledger_is_rejected() {
    let mut fixture = Fixture::new();
    fixture.ledger().db.pragma_update(None, "user_version", 99).unwrap();
    fixture.ledger = None;
    let open = |fixture: &Fixture| Ledger::open(&fixture.file(), fixture.out.path(), fingerprint(""), &[]).unwrap_err();
    let error = open(&fixture);
    assert!(matches!(error, LedgerError::Newer { found: 99 }), "{error}");
    fs::write(fixture.file(), "this is no database".repeat(100)).unwrap();
    assert_eq!(open(&fixture).code(), "E-LEDGER");
}

#[test]
fn entries_state_what_happened_and_when() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    fixture.begin("b.png", "broken");
    fixture.ledger().quarantined("b.png".as_ref(), None, &content_named("broken"), (ErrorCode::ReadIo, "why")).unwrap();
    let records = Records::open(&fixture.file()).unwrap();
    let mut all = Vec::new();
    records.for_each(&mut |entry| all.push(entry)).unwrap();
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
fn reset_content_is_processed_again_but_not_its_copies() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    assert_eq!(fixture.begin("copy.png", "x"), Admission::AlreadyDone);
    let records = Records::open(&fixture.file()).unwrap();
    let entries = records.entries_at(Path::new("copy.png")).unwrap();
    assert!(records.reset(&entries[0], Path::new("a.png")).unwrap());
    records.request_check(Path::new("a.png")).unwrap();
    assert_eq!(fixture.ledger().take_requests().unwrap(), [PathBuf::from("a.png")]);
    assert!(fixture.ledger().take_requests().unwrap().is_empty());
    assert_eq!(fixture.status_of("copy.png", "x"), PathStatus::Done, "its results are there until they are replaced");
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("a.png", "x"), FIRST);
    assert!(!records.reset(&entries[0], Path::new("a.png")).unwrap(), "a worker has it");
    assert_eq!(fixture.ledger().earlier_result(&content_named("x")).unwrap(), Some("a.png".into()));
    fixture.done("a.png", "x");
    assert_eq!(fixture.begin("copy.png", "x"), Admission::AlreadyDone);
}

#[test]
fn expired_content_is_recreated_only_on_request() {
    let mut fixture = Fixture::new();
    for content in ["x", "other"] {
        fixture.begin(&format!("{content}.png"), content);
        fixture.done(&format!("{content}.png"), content);
    }
    assert!(fixture.ledger().outdated(Duration::from_hours(1), 0).unwrap().is_empty());
    let old = fixture.ledger().outdated(Duration::ZERO, 0).unwrap();
    assert_eq!(old.iter().map(|(_, path)| path.to_str().unwrap()).collect::<Vec<_>>(), ["x.png", "other.png"]);
    assert_eq!(fixture.ledger().outdated(Duration::ZERO, old[0].0).unwrap().len(), 1);
    assert!(fixture.ledger().expire(old[0].0, &old[0].1).unwrap());
    fs::remove_dir(fixture.out.path().join("x.png")).unwrap();
    assert_eq!(fixture.status_of("x.png", "x"), PathStatus::Done);
    assert_eq!(fixture.begin("copy.png", "x"), Admission::AlreadyDone);
    let records = Records::open(&fixture.file()).unwrap();
    let entry = records.entries_at(Path::new("x.png")).unwrap().remove(0);
    assert_eq!(entry.state, ScanState::Expired);
    assert!(records.reset(&entry, Path::new("x.png")).unwrap());
    assert_eq!(fixture.status_of("x.png", "x"), PathStatus::Unknown);
    assert_eq!(fixture.begin("x.png", "x"), FIRST);
}

#[test]
fn other_content_of_the_same_size_and_time_is_unknown() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    let changed = Stamp { scan: FileStamp { change: 2, ..stamp("x").scan }, ..stamp("x") };
    assert_eq!(fixture.ledger().status_of("a.png".as_ref(), changed).unwrap(), PathStatus::Unknown);
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Done);
}

#[test]
fn files_that_an_earlier_version_knew_are_known_until_they_change() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    fixture.ledger().db.execute("UPDATE paths SET change = NULL", []).unwrap();
    assert_eq!(fixture.status_of("a.png", "x"), PathStatus::Done);
    let changed = Stamp { scan: FileStamp { change: 2, ..stamp("x").scan }, ..stamp("x") };
    assert_eq!(fixture.ledger().status_of("a.png".as_ref(), changed).unwrap(), PathStatus::Unknown);
}

#[test]
fn a_claimed_folder_belongs_to_no_other_content() {
    let mut fixture = Fixture::new();
    fixture.begin("a.png", "x");
    fixture.done("a.png", "x");
    fixture.begin("copy.png", "x");
    fixture.begin("a.png", "other");
    assert!(fixture.ledger().claim("a.png".as_ref(), &content_named("other")).unwrap());
    // A crash before the results are in place.
    fixture.restart("model 1");
    assert_eq!(fixture.status_of("copy.png", "x"), PathStatus::Unknown);
    assert!(!fixture.ledger().has_result_in("a.png".as_ref()).unwrap());
    assert!(!fixture.ledger().claim("a.png".as_ref(), &content_named("other")).unwrap());
}
