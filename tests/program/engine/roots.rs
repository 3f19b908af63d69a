//! Several watched folders, and include and exclude patterns.

use std::{fs, time::Duration};

use octrls_engine::Totals;

use crate::engine::rig::Rig;

fn two_roots() -> Rig {
    let mut rig = Rig::new();
    let other = rig.beside("other");
    fs::create_dir(&other).unwrap();
    rig.options.roots.push(other);
    rig
}

#[test]
fn each_root_has_its_own_results_folder() {
    let rig = two_roots();
    rig.put("a.png", "one");
    fs::write(rig.beside("other/a.png"), "two").unwrap();
    fs::write(rig.beside("other/same.png"), "one").unwrap();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 2, already_done: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.result("other/a.png"), "two");
    let ones = ["in/a.png", "other/same.png"].map(|name| rig.out(name).exists());
    assert_eq!(ones.iter().filter(|exists| **exists).count(), 1, "one result for each content, whatever the root");
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
    let other = rig.beside("other/a.png");
    assert_eq!(rig.command(&["redo", other.to_str().unwrap()]).1, "other/a.png  will be processed again\n");
}

#[test]
fn adding_a_root_repeats_nothing() {
    let rig = two_roots();
    let mut alone = two_roots();
    rig.put("a.png", "one");
    alone.options = octrls_engine::EngineOptions { roots: vec![rig.options.roots[0].clone()], ..rig.options.clone() };
    alone.run_until_idle();
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { already_done: 1, ..Totals::default() });
    assert_eq!(rig.calls(), [""; 0]);
}

#[test]
fn a_lost_root_does_not_stop_the_other() {
    let rig = two_roots();
    fs::write(rig.beside("other/a.png"), "two").unwrap();
    let mut session = rig.start();
    session.wait_for("done other/a.png");
    let away = rig.beside("away");
    fs::rename(rig.beside("other"), &away).unwrap();
    session.wait_for("notice W-WATCH-OFFLINE");
    rig.put("b.png", "one");
    session.wait_for("done in/b.png");
    fs::write(away.join("c.png"), "three").unwrap();
    fs::rename(&away, rig.beside("other")).unwrap();
    session.wait_for("done other/c.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 3, ..Totals::default() }, "{log:?}");
    assert!(!log.contains(&"offline".into()), "{log:?}");
    assert_eq!(rig.calls(), ["in/b.png", "other/a.png", "other/c.png"]);
}

#[test]
fn quarantined_scans_return_to_their_own_root() {
    let rig = two_roots();
    fs::write(rig.beside("other/a.png"), "bad").unwrap();
    rig.run_until_idle();
    assert!(rig.out("quarantine/other/a.png").exists());
    assert!(rig.command(&["quarantine", "retry", "--all"]).0);
    assert!(rig.beside("other/a.png").exists());
}

#[test]
fn each_root_may_have_its_own_polling_interval() {
    let mut rig = two_roots();
    rig.options.rescan = Duration::from_hours(1);
    rig.options.poll_roots = vec![(rig.beside("other"), Duration::from_millis(50))];
    let mut session = rig.start();
    for (number, name) in ["a.png", "b.png"].into_iter().enumerate() {
        rig.put(name, &format!("one {number}"));
        fs::write(rig.beside("other").join(name), format!("two {number}")).unwrap();
        session.wait_for(&format!("done in/{name}"));
        session.wait_for(&format!("done other/{name}"));
    }
    session.finish();
    rig.options.poll_roots = vec![(rig.beside(""), Duration::from_secs(1))];
    assert_eq!(rig.start_error(), "E-ENGINE-ROOTS");
}

#[test]
fn overlapping_roots_and_bad_patterns_are_rejected() {
    let mut rig = two_roots();
    rig.options.roots[1] = rig.scan("below");
    fs::create_dir(rig.scan("below")).unwrap();
    assert_eq!(rig.start_error(), "E-ENGINE-ROOTS");
    rig.options.roots.pop();
    rig.options.exclude = vec!["[".into()];
    assert_eq!(rig.start_error(), "E-ENGINE-PATTERN");
}

#[test]
fn patterns_select_scans() {
    let mut rig = Rig::new();
    rig.options.include = vec!["*.png".into()];
    rig.options.exclude = vec!["trial".into(), "*_test.*".into()];
    rig.options.rescan = Duration::from_hours(1);
    let mut session = rig.start();
    for name in ["trial/a.png", "deep/trial/b.png", "c_test.png", "d.vol"] {
        rig.put(name, name);
    }
    rig.put("deep/e.png", "scan");
    session.wait_for("done deep/e.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals::default(), "neither by events nor by walks");
}
