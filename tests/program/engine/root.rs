//! A root that disappears, like a network share; and a folder for results that does.

use std::{fs, time::Duration};

use octrls_engine::Totals;

use crate::engine::rig::Rig;

/// Time for the engine to answer; far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn lose_and_restore_root(poll: Option<Duration>) {
    let mut rig = Rig::new();
    rig.options.poll = poll;
    rig.put("a.png", "scan 1");
    let mut session = rig.start();
    session.wait_for("done a.png");

    let away = rig.beside("away");
    fs::rename(&rig.options.roots[0], &away).unwrap();
    session.wait_for("offline");
    fs::write(away.join("b.png"), "scan 2").unwrap();
    fs::rename(&away, &rig.options.roots[0]).unwrap();
    session.wait_for("online");
    session.wait_for("done b.png");

    rig.put("new/c.png", "scan 3");
    session.wait_for("done new/c.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 3, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls(), ["a.png", "b.png", "new/c.png"], "nothing is imported again");
    assert!(rig.out("a.png").exists());
}

#[test]
fn nothing_is_lost_or_repeated_with_events() {
    lose_and_restore_root(None);
}

#[test]
fn nothing_is_lost_or_repeated_with_polling() {
    lose_and_restore_root(Some(Duration::from_millis(50)));
}

#[test]
fn a_scan_interrupted_by_a_lost_root_does_not_fail() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    rig.put("a.png", "gate");
    let mut session = rig.start();
    session.wait_for("running a.png 1");
    // It was read and now waits at the gate.
    while rig.calls().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let away = rig.beside("away");
    fs::rename(&rig.options.roots[0], &away).unwrap();
    session.wait_for("offline");
    rig.fail_gate();
    session.clear_log();
    session.wait_for("seen a.png");
    fs::rename(&away, &rig.options.roots[0]).unwrap();
    session.wait_for("online");
    rig.open_gate();
    session.wait_for("done a.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
}

#[test]
fn change_events_suffice_between_walks() {
    let mut rig = Rig::new();
    rig.options.rescan = Duration::from_hours(1);
    let mut session = rig.start();
    rig.put("deep/er/a.png", "scan");
    session.wait_for("done deep/er/a.png");
    session.finish();
}

#[test]
fn nothing_is_written_where_the_folder_for_results_was() {
    let rig = Rig::new();
    rig.put("a.png", "scan 1");
    let mut session = rig.start();
    session.wait_for("done a.png");
    assert_eq!(session.handle.problem(PATIENCE), None);
    let away = rig.beside("away");
    for stands_in in [false, true] {
        session.clear_log();
        fs::rename(rig.out(""), &away).unwrap();
        if stands_in {
            // As the mount point below a disk that was unmounted.
            fs::create_dir(rig.out("")).unwrap();
        }
        session.wait_for("notice E-OUT-GONE");
        assert_eq!(session.handle.problem(PATIENCE), Some("the folder for results is unavailable"));
        assert!(session.handle.is_alive(PATIENCE), "a restart would not help");
        let (scan, bad) = (format!("b{stands_in}.png"), format!("bad{stands_in}.png"));
        rig.put(&scan, &scan);
        rig.put(&bad, &format!("bad {stands_in}"));
        session.wait_for(&format!("queued {scan}"));
        std::thread::sleep(Duration::from_millis(500));
        assert!(rig.scan(&bad).is_file(), "nothing is moved");
        if stands_in {
            // Fails if anything is in it.
            fs::remove_dir(rig.out("")).unwrap();
        }
        assert!(!rig.out("").exists());
        fs::rename(&away, rig.out("")).unwrap();
        session.wait_for(&format!("done {scan}"));
        session.wait_for(&format!("quarantined {bad} E-READ-FORMAT"));
        assert_eq!(session.handle.problem(PATIENCE), None);
    }
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 3, quarantined: 2, ..Totals::default() }, "{log:?}");
}

#[test]
fn results_that_are_ready_when_their_folder_is_gone_wait() {
    let rig = Rig::new();
    rig.put("a.png", "gate");
    let mut session = rig.start();
    session.wait_for("running a.png 1");
    let away = rig.beside("away");
    fs::rename(rig.out(""), &away).unwrap();
    fs::create_dir(rig.out("")).unwrap();
    session.wait_for("notice E-OUT-GONE");
    rig.open_gate();
    session.clear_log();
    session.wait_for("queued a.png");
    fs::remove_dir(rig.out("")).unwrap();
    fs::rename(&away, rig.out("")).unwrap();
    rig.open_gate();
    session.wait_for("done a.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
}

#[test]
fn an_unreachable_root_is_told_to_whoever_asks() {
    let rig = Rig::new();
    let mut session = rig.start();
    let away = rig.beside("away");
    fs::rename(&rig.options.roots[0], &away).unwrap();
    session.wait_for("notice W-WATCH-OFFLINE");
    session.wait_for("offline");
    assert_eq!(session.handle.problem(PATIENCE), Some("a watched folder is unavailable"));
    fs::rename(&away, &rig.options.roots[0]).unwrap();
    session.wait_for("online");
    assert_eq!(session.handle.problem(PATIENCE), None);
    session.finish();
}
