//! Programs that take their time to write a scan.

use std::{
    fs::{self, File},
    io::Write,
    thread::sleep,
    time::Duration,
};

use octrls_engine::Totals;

use crate::engine::rig::{Rig, lines_of};

#[test]
fn a_scan_that_is_open_for_writing_is_not_taken_from_its_writer() {
    let rig = Rig::new();
    let mut session = rig.start();
    let mut writer = File::create(rig.scan("a.png")).unwrap();
    write!(writer, "cut half").unwrap();
    session.wait_for("retrying a.png E-READ-TRUNCATED 1");
    // Much longer than a file that nobody has open would get.
    sleep(Duration::from_secs(3));
    write!(writer, " and whole").unwrap();
    drop(writer);
    session.wait_for("done a.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
    assert!(!log.iter().any(|line| line.starts_with("quarantined")), "{log:?}");
    assert_eq!(rig.result("a.png"), "cut half and whole");
    assert!(!rig.out("quarantine").exists());
}

#[test]
fn a_single_run_leaves_what_is_open_for_writing() {
    let rig = Rig::new();
    let mut writer = File::create(rig.scan("a.png")).unwrap();
    write!(writer, "cut half").unwrap();
    rig.put("b.png", "scan");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, left: 1, ..Totals::default() }, "{log:?}");
    assert!(log.contains(&"notice W-WATCH-GROWING".to_owned()), "{log:?}");
    write!(writer, " and whole").unwrap();
    drop(writer);
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert_eq!(rig.result("a.png"), "cut half and whole");
}

#[test]
fn a_truncated_scan_that_nobody_continues_ends_in_quarantine() {
    let rig = Rig::new();
    rig.put("a.png", "cut half");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { quarantined: 1, ..Totals::default() }, "{log:?}");
    // The waiting counts as no attempt.
    assert_eq!(lines_of(&log, "a.png").last(), Some(&"quarantined a.png E-READ-TRUNCATED"));
    let (_, text) = rig.command(&["ls", "--json"]);
    assert!(text.contains("\"attempts\":1"), "{text}");
}

#[test]
fn a_scan_that_changes_in_quarantine_is_tried_again() {
    let rig = Rig::new();
    rig.put("ward/a.png", "bad half");
    let mut session = rig.start();
    session.wait_for("quarantined ward/a.png E-READ-FORMAT");
    session.clear_log();
    let moved = rig.out("quarantine/ward/a.png");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "bad half");
    // As a writer does that still has it open under its new name.
    fs::write(&moved, "whole").unwrap();
    session.wait_for("done ward/a.png");
    session.finish();
    assert_eq!(rig.result("ward/a.png"), "whole");
    assert!(rig.scan("ward/a.png").is_file() && !moved.exists());
    assert!(rig.command(&["quarantine", "list"]).1.is_empty());
    let states = rig.ls();
    assert!(states.iter().all(|state| !state.starts_with("quarantined")), "{states:?}");
}

#[test]
fn a_single_run_takes_a_second_look_at_quarantine() {
    let rig = Rig::new();
    rig.put("a.png", "bad half");
    rig.put("b.png", "gate");
    let engine = std::thread::scope(|scope| {
        let run = scope.spawn(|| rig.run_until_idle());
        let moved = rig.out("quarantine/a.png");
        while !moved.is_file() {
            sleep(Duration::from_millis(5));
        }
        fs::write(&moved, "whole").unwrap();
        rig.open_gate();
        run.join().unwrap()
    });
    assert_eq!(engine.1.done, 2, "{:?}", engine.0);
    assert_eq!(rig.result("a.png"), "whole");
}
