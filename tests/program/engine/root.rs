//! A root that disappears, like a network share.

use std::{fs, time::Duration};

use octrls_engine::Totals;

use crate::engine::rig::Rig;

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
