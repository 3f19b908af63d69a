//! Retries, quarantine, and isolation of scans from each other.

use std::{fs, time::Duration};

use octrls_engine::{Totals, Tuning};
use serde_json::Value;

use crate::engine::rig::{Rig, lines_of};

fn reason(rig: &Rig, name: &str) -> Value {
    let text = fs::read_to_string(rig.out(&format!("quarantine/{name}.reason.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_scan_that_keeps_failing_ends_in_quarantine() {
    let rig = Rig::new();
    rig.put("ward/a.png", "down");
    rig.put("ward/a.png.toml", "axial_um = 3.87");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(
        lines_of(&log, "ward/a.png")[2..],
        [
            "running ward/a.png 1",
            "retrying ward/a.png E-OUT-IO 2",
            "running ward/a.png 2",
            "retrying ward/a.png E-OUT-IO 3",
            "running ward/a.png 3",
            "quarantined ward/a.png E-OUT-IO",
        ]
    );
    assert_eq!(totals, Totals { quarantined: 1, ..Totals::default() });
    let reason = reason(&rig, "ward/a.png");
    assert_eq!(reason["code"], "E-OUT-IO");
    assert_eq!(reason["attempts"], 3);
    assert_eq!(reason["path"], "ward/a.png");
    assert_eq!(reason["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(fs::read_to_string(rig.out("quarantine/ward/a.png")).unwrap(), "down");
    assert!(rig.out("quarantine/ward/a.png.toml").exists());
    assert!(!rig.scan("ward/a.png").exists());
    assert!(!rig.out("ward/a.png").exists());
}

#[test]
fn a_permanent_error_is_not_retried() {
    let rig = Rig::new();
    rig.put("a.png", "bad");
    let (log, _) = rig.run_until_idle();
    assert_eq!(lines_of(&log, "a.png")[2..], ["running a.png 1", "quarantined a.png E-READ-FORMAT"]);

    rig.put("a.png", "bad");
    rig.run_until_idle();
    assert!(rig.out("quarantine/a.png").exists());
    assert!(rig.out("quarantine/a.2.png").exists(), "an earlier one is not overwritten");
}

#[test]
fn a_transient_error_is_retried() {
    let rig = Rig::new();
    rig.put("a.png", "flaky");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(
        lines_of(&log, "a.png")[2..],
        ["running a.png 1", "retrying a.png E-READ-IO 2", "running a.png 2", "done a.png"]
    );
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
}

#[test]
fn a_panic_fails_only_its_scan() {
    let mut rig = Rig::new();
    rig.options.workers = 1;
    for (name, text) in [("a.png", "panic 1"), ("b.png", "panic 2"), ("c.png", "scan")] {
        rig.put(name, text);
    }
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, quarantined: 2, ..Totals::default() });
    assert_eq!(reason(&rig, "a.png")["code"], "E-PANIC");
}

#[test]
fn a_failed_scan_that_cannot_be_moved_stays_in_place() {
    let rig = Rig::new();
    fs::create_dir_all(rig.out("")).unwrap();
    fs::write(rig.out("quarantine"), "in the way").unwrap();
    rig.put("a.png", "bad");
    let (log, _) = rig.run_until_idle();
    assert_eq!(log[4..6], ["notice E-QUARANTINE", "quarantined a.png E-READ-FORMAT"], "{log:?}");
    assert!(rig.scan("a.png").exists());
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
}

#[test]
fn an_operator_can_retry_a_quarantined_scan() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    rig.put("a.png", "flaky");
    let mut session = rig.start();
    session.wait_for("quarantined a.png E-READ-IO");
    session.handle.retry(session.id("a.png"));
    session.wait_for("done a.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert!(rig.scan("a.png").exists());
    assert!(!rig.out("quarantine/a.png.reason.json").exists());
}

#[test]
fn failed_scans_stay_in_place_on_request() {
    let mut rig = Rig::new();
    rig.options.move_failed = false;
    rig.put("ward/a.png", "bad");
    rig.put("ward/a.png.toml", "axial_um = 3.87");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { quarantined: 1, ..Totals::default() });
    assert!(!log.iter().any(|line| line.starts_with("notice")), "{log:?}");
    assert!(rig.scan("ward/a.png").exists() && rig.scan("ward/a.png.toml").exists());
    assert!(!rig.out("quarantine/ward/a.png").exists());
    assert_eq!(reason(&rig, "ward/a.png")["code"], "E-READ-FORMAT");
    // The next start skips the file.
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
    let (_, listed) = rig.command(&["quarantine", "list"]);
    assert!(listed.contains("ward/a.png  E-READ-FORMAT") && listed.contains("(not moved)"), "{listed}");

    rig.put("ward/a.png", "a good scan");
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert_eq!(rig.command(&["quarantine", "list"]).1, "");
}

#[test]
fn an_operator_can_retry_a_scan_that_stayed_in_place() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    rig.options.move_failed = false;
    rig.put("a.png", "flaky");
    let mut session = rig.start();
    session.wait_for("quarantined a.png E-READ-IO");
    session.handle.retry(session.id("a.png"));
    session.wait_for("done a.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert!(!rig.out("quarantine/a.png.reason.json").exists());
}

#[test]
fn a_retry_leaves_a_new_file_at_the_same_path_alone() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    rig.put("a.png", "bad");
    let mut session = rig.start();
    session.wait_for("quarantined a.png E-READ-FORMAT");
    let failed = session.id("a.png");
    let tune = |stability| Tuning { stability, attempts: 1 };

    // The new file is still growing.
    session.handle.tune(tune(Duration::from_hours(1)));
    session.clear_log();
    rig.put("a.png", "gate");
    session.wait_for("seen a.png");
    session.handle.retry(failed);
    session.wait_for("notice E-QUARANTINE");

    // The new file is running.
    session.handle.tune(tune(Duration::from_millis(60)));
    session.wait_for("running a.png 1");
    assert_eq!(lines_of(&session.log, "a.png"), ["seen a.png", "queued a.png", "running a.png 1"]);
    session.clear_log();
    session.handle.retry(failed);
    session.wait_for("notice E-QUARANTINE");
    rig.open_gate();
    session.wait_for("done a.png");

    fs::remove_file(rig.scan("a.png")).unwrap();
    session.clear_log();
    session.handle.retry(failed);
    session.wait_for("quarantined a.png E-READ-FORMAT");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, quarantined: 1, ..Totals::default() });
    assert_eq!(fs::read_to_string(rig.out("quarantine/a.png")).unwrap(), "bad");
}

#[test]
fn redo_prefers_the_scan_that_was_moved() {
    let mut rig = Rig::new();
    rig.options.move_failed = false;
    rig.put("a.png", "bad 1");
    rig.run_until_idle();
    let note = fs::read(rig.out("quarantine/a.png.reason.json")).unwrap();

    // The new failure replaces the note of the earlier one.
    rig.options.move_failed = true;
    rig.put("a.png", "bad 2");
    rig.run_until_idle();
    assert_eq!(rig.command(&["quarantine", "list"]).1.lines().count(), 1);
    assert_eq!(rig.ls(), ["quarantined a.png"], "the first failure is replaced");

    // If a note was left over nevertheless, it does not hide the scan.
    for ending in ["", ".reason.json"] {
        let name = |scan: &str| rig.out(&format!("quarantine/{scan}{ending}"));
        fs::rename(name("a.png"), name("a.2.png")).unwrap();
    }
    fs::write(rig.out("quarantine/a.png.reason.json"), note).unwrap();
    let (asked, text) = rig.command(&["redo", "a.png"]);
    assert!(asked, "{text}");
    assert_eq!(fs::read_to_string(rig.scan("a.png")).unwrap(), "bad 2");
}
