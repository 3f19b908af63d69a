//! Limits of time, size and disk space.

use std::{fs, time::Duration};

use octrls_engine::Totals;

use crate::engine::rig::{Rig, lines_of};

const LIMIT: Duration = Duration::from_millis(200);

#[test]
fn a_scan_that_exceeds_the_time_limit_fails() {
    let mut rig = Rig::new();
    rig.options.timeout = Some(LIMIT);
    rig.options.workers = 1;
    rig.put("a.png", "endless");
    rig.put("b.png", "scan");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, quarantined: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(lines_of(&log, "a.png").last(), Some(&"quarantined a.png E-TIMEOUT"));
    assert_eq!(rig.ls(), ["quarantined a.png", "written b.png"]);
}

#[test]
fn a_stuck_scan_does_not_affect_others() {
    let mut rig = Rig::new();
    rig.options.timeout = Some(LIMIT);
    rig.options.workers = 1;
    rig.put("a.png", "stuck 1");
    rig.put("b.png", "stuck 2");
    rig.put("c.png", "scan");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, quarantined: 2, ..Totals::default() }, "{log:?}");
    assert!(log.contains(&"quarantined a.png E-TIMEOUT".into()), "{log:?}");
    assert_eq!(fs::read_to_string(rig.out("quarantine/a.png")).unwrap(), "stuck 1");
    // The next start remembers the outcome.
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
}

#[test]
fn late_results_of_a_failed_scan_are_discarded() {
    let mut rig = Rig::new();
    rig.options.timeout = Some(LIMIT);
    rig.put("a.png", "gate 1");
    let mut session = rig.start();
    session.wait_for("quarantined a.png E-TIMEOUT");
    rig.put("a.png", "another scan");
    session.wait_for("done a.png");
    rig.open_gate();
    rig.wait_for_calls(2);
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, quarantined: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.result("a.png"), "another scan");
}

#[test]
fn many_stuck_scans_stop_the_engine_from_starting_new_ones() {
    let mut rig = Rig::new();
    rig.options.timeout = Some(LIMIT);
    rig.options.workers = 4;
    for number in 0..12 {
        rig.put(&format!("{number:02}.png"), &format!("stuck {number}"));
    }
    rig.put("99.png", "scan");
    let mut session = rig.start();
    session.wait_for("notice E-ENGINE-STUCK");
    let (log, totals) = session.finish();
    assert!((8..=12).contains(&totals.quarantined), "{log:?}");
    assert!(totals.left >= 1, "{log:?}");
}

#[test]
fn a_file_above_the_size_limit_fails_unread() {
    let mut rig = Rig::new();
    rig.options.max_bytes = 1 << 20;
    let file = fs::File::create(rig.scan("film.img")).unwrap();
    file.set_len(10 << 30).unwrap();
    rig.put("a.png", "scan");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, quarantined: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls(), ["a.png"]);
    assert!(log.contains(&"quarantined film.img E-READ-FILE-SIZE".into()), "{log:?}");
    assert_eq!(rig.scan("film.img").metadata().unwrap().len(), 10 << 30, "it is not moved about");
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"], "and not told again");
    assert_eq!(rig.ls(), ["written a.png", "quarantined film.img"]);

    let (_, listed) = rig.command(&["quarantine", "list"]);
    assert!(listed.contains("film.img  E-READ-FILE-SIZE") && listed.contains("(not moved)"), "{listed}");
    assert_eq!(rig.command(&["redo", "film.img"]).1, "film.img  will be processed again\n");
    assert_eq!(rig.command(&["quarantine", "list"]).1, "");

    rig.options.max_bytes = u64::MAX;
    file.set_len(1 << 10).unwrap();
    let (log, _) = rig.run_until_idle();
    assert!(lines_of(&log, "film.img").contains(&"running film.img 1"), "{log:?}");
}

#[test]
fn no_scan_starts_without_free_space() {
    let mut rig = Rig::new();
    rig.put("a.png", "scan");
    rig.options.min_free = u64::MAX;
    let mut session = rig.start();
    session.wait_for("notice E-ENGINE-DISK");
    session.wait_for("queued a.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { left: 1, ..Totals::default() });
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { left: 1, ..Totals::default() }, "it does not wait for ever: {log:?}");
    rig.options.min_free = 1;
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
}

#[test]
fn a_full_disk_does_not_count_as_an_attempt() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    rig.put("a.png", "full");
    let mut session = rig.start();
    session.wait_for("running a.png 1");
    session.wait_for("notice E-OUT-FULL");
    session.clear_log();
    session.wait_for("running a.png 1");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { left: 1, ..Totals::default() }, "{log:?}");
    assert!(rig.scan("a.png").exists());
}

#[test]
fn old_results_are_removed_but_not_scans() {
    let mut rig = Rig::new();
    rig.put("ward/a.png", "scan");
    rig.put("b.png", "bad");
    fs::create_dir_all(rig.out("ward/notes")).unwrap();
    fs::write(rig.out("ward/notes/precious.txt"), "x").unwrap();
    rig.run_until_idle();
    rig.options.keep = Some(Duration::from_hours(1));
    rig.run_until_idle();
    assert!(rig.out("ward/a.png").exists());

    rig.options.keep = Some(Duration::ZERO);
    let mut session = rig.start();
    session.wait_for("notice -");
    session.finish();
    assert!(!rig.out("ward/a.png").exists());
    assert!(rig.out("ward/notes/precious.txt").exists());
    assert!(rig.scan("ward/a.png").exists() && rig.out("quarantine/b.png").exists());
    assert_eq!(rig.ls(), ["quarantined b.png", "expired ward/a.png"]);

    rig.options.keep = None;
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals::default(), "what went because of its age is not made again");
    assert!(rig.command(&["redo", "ward/a.png"]).0);
    rig.run_until_idle();
    assert_eq!(rig.result("ward/a.png"), "scan");
}
