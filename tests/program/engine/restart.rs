//! Restarts, crashes and stops.

use std::{fs, time::Duration};

use octrls_engine::Totals;
use rusqlite::{Connection, params};

use crate::engine::rig::{Rig, lines_of};

#[test]
fn content_is_processed_once_across_restarts() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.run_until_idle();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"], "known files are passed over in silence");
    assert_eq!(totals, Totals::default());

    fs::rename(rig.scan("a.png"), rig.scan("renamed.png")).unwrap();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { already_done: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls(), ["a.png"]);
}

#[test]
fn missing_results_are_recreated() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.run_until_idle();
    fs::remove_dir_all(rig.out("a.png")).unwrap();
    rig.run_until_idle();
    assert_eq!(rig.result("a.png"), "scan");
    assert_eq!(rig.calls(), ["a.png", "a.png"]);
}

#[test]
fn a_drain_finishes_running_scans_and_leaves_the_rest() {
    let mut rig = Rig::new();
    rig.options.workers = 1;
    rig.put("a.png", "gate 1");
    let mut session = rig.start();
    session.wait_for("running a.png 1");
    rig.put("b.png", "scan 2");
    session.wait_for("queued b.png");
    session.handle.drain();
    session.wait_for("draining 1");
    rig.open_gate();
    let (log, totals) = session.join();
    assert_eq!(totals, Totals { done: 1, left: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls(), ["a.png"]);

    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert_eq!(rig.calls(), ["a.png", "b.png"]);
}

#[test]
fn an_aborted_attempt_does_not_count() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    for _ in 0..3 {
        rig.put("a.png", "endless");
        let mut session = rig.start();
        session.wait_for("running a.png 1");
        session.handle.abort();
        let (_, totals) = session.join();
        assert_eq!(totals, Totals { left: 1, ..Totals::default() });
    }
    assert!(!rig.out("a.png").exists());
}

#[test]
fn an_engine_without_handles_drains() {
    let rig = Rig::new();
    let session = rig.start();
    let events = session.abandon();
    assert!(events.iter().any(|event| matches!(event.kind, octrls_engine::EventKind::Stopped(_))));
}

/// Puts the ledger into the state that a crash during the given attempt leaves.
fn crash(rig: &Rig, attempt: u32) {
    let ledger = Connection::open(rig.out(".octrls/ledger.sqlite")).unwrap();
    let changed = ledger.execute("UPDATE scans SET state = 'running', attempts = ?1", params![attempt]).unwrap();
    assert_eq!(changed, 1);
    fs::remove_dir_all(rig.out("a.png")).unwrap();
}

#[test]
fn each_crash_counts_as_an_attempt() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.run_until_idle();

    crash(&rig, 2);
    let (log, _) = rig.run_until_idle();
    assert_eq!(lines_of(&log, "a.png")[2..], ["running a.png 3", "done a.png"]);
    assert_eq!(log[1], "notice E-CRASH", "it is said before anything else");

    crash(&rig, 3);
    let (log, _) = rig.run_until_idle();
    assert_eq!(lines_of(&log, "a.png")[2..], ["quarantined a.png E-CRASH"]);
    assert_eq!(log[1], "notice E-CRASH");
    assert_eq!(rig.calls().len(), 2);
    let note = fs::read_to_string(rig.out("quarantine/a.png.reason.json")).unwrap();
    assert!(note.contains("E-CRASH") && note.contains("crashed or was killed 3 times"), "{note}");
    let (log, _) = rig.run_until_idle();
    assert!(!log.iter().any(|line| line.contains("E-CRASH")), "it is said once: {log:?}");
}

/// Contents during which the program ended are tried one after the other, so that only one can end it again.
#[test]
fn scans_that_may_have_crashed_the_program_do_not_run_together() {
    let rig = Rig::new();
    for name in ["a.png", "b.png"] {
        rig.put(name, &format!("gate {name}"));
        rig.open_gate();
    }
    rig.run_until_idle();
    let ledger = Connection::open(rig.out(".octrls/ledger.sqlite")).unwrap();
    assert_eq!(ledger.execute("UPDATE scans SET state = 'running'", []).unwrap(), 2);
    drop(ledger);
    for name in ["a.png", "b.png"] {
        fs::remove_dir_all(rig.out(name)).unwrap();
    }
    let mut session = rig.start();
    session.wait_for("running a.png 2");
    session.wait_for("queued b.png");
    // The other worker has looked at b.png before it takes this one.
    rig.put("c.png", "new");
    session.wait_for("done c.png");
    assert!(!session.log.contains(&"running b.png 2".to_owned()), "{:?}", session.log);
    rig.open_gate();
    session.wait_for("done a.png");
    session.wait_for("running b.png 2");
    rig.open_gate();
    session.wait_for("done b.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { done: 3, ..Totals::default() });
}

#[test]
fn a_failed_start_has_an_error_code() {
    let mut rig = Rig::new();
    let session = rig.start();
    assert_eq!(rig.start_error(), "E-ENGINE-LOCKED");
    session.finish();

    let ledger = Connection::open(rig.out(".octrls/ledger.sqlite")).unwrap();
    ledger.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    assert_eq!(rig.start_error(), "E-LEDGER-NEWER");
    fs::write(rig.out(".octrls/ledger.sqlite"), "this is no database".repeat(100)).unwrap();
    assert_eq!(rig.start_error(), "E-LEDGER");

    rig.options.out = rig.options.roots[0].clone();
    assert_eq!(rig.start_error(), "E-ENGINE-OUT");
    rig.options.out = rig.beside("");
    assert_eq!(rig.start_error(), "E-ENGINE-OUT");
    fs::write(rig.beside("file"), "").unwrap();
    rig.options.out = rig.beside("file");
    assert_eq!(rig.start_error(), "E-ENGINE-OUT");
    rig.options.roots = vec![rig.beside("missing")];
    assert_eq!(rig.start_error(), "E-ENGINE-ROOT");
}

#[test]
fn the_lock_is_released_when_the_engine_stops() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(10);
    for _ in 0..5 {
        rig.run_until_idle();
    }
}
