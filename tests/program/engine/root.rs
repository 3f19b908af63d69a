//! A root that disappears, like a network share.

use std::{fs, time::Duration};

use octrls_engine::Totals;

use crate::engine::rig::Rig;

fn goes_and_returns(poll: Option<Duration>) {
    let mut rig = Rig::new();
    rig.options.poll = poll;
    rig.put("a.png", "scan 1");
    let mut session = rig.start();
    session.until("done a.png");

    let away = rig.beside("away");
    fs::rename(&rig.options.roots[0], &away).unwrap();
    session.until("offline");
    fs::write(away.join("b.png"), "scan 2").unwrap();
    fs::rename(&away, &rig.options.roots[0]).unwrap();
    session.until("online");
    session.until("done b.png");

    rig.put("new/c.png", "scan 3");
    session.until("done new/c.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 3, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls(), ["a.png", "b.png", "new/c.png"], "nothing is imported again");
    assert!(rig.out("a.png").exists());
}

#[test]
fn nothing_is_lost_or_repeated_with_events() {
    goes_and_returns(None);
}

#[test]
fn nothing_is_lost_or_repeated_with_polling() {
    goes_and_returns(Some(Duration::from_millis(50)));
}

#[test]
fn a_scan_interrupted_by_the_loss_of_the_root_is_not_at_fault() {
    let mut rig = Rig::new();
    rig.options.attempts = 1;
    rig.put("a.png", "gate");
    let mut session = rig.start();
    session.until("running a.png 1");
    // It was read and now waits at the gate.
    while rig.calls().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let away = rig.beside("away");
    fs::rename(&rig.options.roots[0], &away).unwrap();
    session.until("offline");
    rig.fail_gate();
    session.forget();
    session.until("seen a.png");
    fs::rename(&away, &rig.options.roots[0]).unwrap();
    session.until("online");
    rig.open_gate();
    session.until("done a.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
}

#[test]
fn events_alone_suffice_between_walks() {
    let mut rig = Rig::new();
    rig.options.rescan = Duration::from_hours(1);
    let mut session = rig.start();
    rig.put("deep/er/a.png", "scan");
    session.until("done deep/er/a.png");
    session.finish();
}
