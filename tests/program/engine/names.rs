//! Unusual names, links and times.

use crate::support::missing;
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::symlink},
    time::{Duration, SystemTime},
};

use octrls_engine::Totals;

use crate::engine::rig::{Rig, lines_of};

#[test]
fn hard_links_have_one_result() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    fs::hard_link(rig.scan("a.png"), rig.scan("b.png")).unwrap();
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, already_done: 1, ..Totals::default() });
    assert_eq!([rig.out("a.png").exists(), rig.out("b.png").exists()].iter().filter(|there| **there).count(), 1);
}

#[test]
fn links_within_the_root_are_not_followed() {
    let rig = Rig::new();
    rig.put("ward/a.png", "scan");
    symlink(rig.scan("ward"), rig.scan("again")).unwrap();
    symlink(rig.scan(""), rig.scan("ward/loop")).unwrap();
    symlink("/dev/zero", rig.scan("zero.png")).unwrap();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls(), ["ward/a.png"]);
}

#[test]
fn pipes_and_devices_are_ignored() {
    let rig = Rig::new();
    let made = std::process::Command::new("mkfifo").arg(rig.scan("pipe.png")).status();
    if !made.is_ok_and(|status| status.success()) {
        missing("pipes_and_devices_are_ignored", "mkfifo");
        return;
    }
    rig.put("a.png", "scan");
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    // A name without an extension is judged by content, and to open a pipe would block.
    let mut session = rig.start();
    for name in ["IM000001", "IM000002"] {
        std::process::Command::new("mkfifo").arg(rig.scan(name)).status().unwrap();
    }
    rig.put("b.png", "another scan");
    session.wait_for("done b.png");
    session.finish();
}

#[test]
fn names_that_differ_only_in_case_are_two_scans() {
    let rig = Rig::new();
    rig.put("Scan.png", "large");
    if rig.scan("scan.png").exists() {
        missing("names_that_differ_only_in_case_are_two_scans", "case-sensitive-folder");
        return;
    }
    rig.put("scan.png", "small");
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 2, ..Totals::default() });
    assert_eq!((rig.result("Scan.png"), rig.result("scan.png")), ("large".into(), "small".into()));
}

#[test]
fn names_need_not_be_utf8() {
    let rig = Rig::new();
    let name = |text: &[u8]| OsStr::from_bytes(text).to_owned();
    let (good, bad) = (name(b"caf\xe9.png"), name(b"na\xefve.png"));
    fs::write(rig.options.roots[0].join(&good), "scan").unwrap();
    fs::write(rig.options.roots[0].join(&bad), "bad").unwrap();
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, quarantined: 1, ..Totals::default() });
    assert!(rig.options.out.join(&good).join("result.txt").exists());
    assert!(rig.options.out.join("quarantine").join(&bad).exists());
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
    assert_eq!(rig.ls().len(), 2);
    assert!(rig.command(&["quarantine", "retry", "--all"]).0);
    assert!(rig.options.roots[0].join(&bad).exists(), "it goes back under its own name");
}

#[test]
fn folders_may_be_deep() {
    let rig = Rig::new();
    let name = format!("{}a.png", "folder/".repeat(60));
    rig.put(&name, "scan");
    let mut session = rig.start();
    session.wait_for(&format!("done {name}"));
    session.finish();
    assert_eq!(rig.result(&name), "scan");
}

#[test]
fn a_file_renamed_before_processing_is_one_scan() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(300);
    let mut session = rig.start();
    rig.put("a.png", "scan");
    session.wait_for("seen a.png");
    fs::rename(rig.scan("a.png"), rig.scan("b.png")).unwrap();
    session.wait_for("vanished a.png");
    session.wait_for("done b.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
}

#[test]
fn odd_modification_times_delay_nothing() {
    let rig = Rig::new();
    let (now, years) = (SystemTime::now(), Duration::from_hours(24 * 365 * 40));
    for (name, time) in [("future.png", now + years), ("past.png", SystemTime::UNIX_EPOCH - years)] {
        rig.put(name, name);
        File::options().write(true).open(rig.scan(name)).unwrap().set_modified(time).unwrap();
    }
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 2, ..Totals::default() });
    // The scanner's clock is set back, and a scan is rewritten with the same size.
    rig.put("past.png", "PAST.png");
    File::options().write(true).open(rig.scan("past.png")).unwrap().set_modified(now - years).unwrap();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.result("past.png"), "PAST.png");
}

#[test]
fn a_writer_that_pauses_longer_than_the_window_is_processed_again() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put("a.png", "half");
    session.wait_for("done a.png");
    session.clear_log();
    rig.put("a.png", "half and the rest");
    session.wait_for("done a.png");
    let (log, _) = session.finish();
    assert_eq!(rig.result("a.png"), "half and the rest");
    assert_eq!(lines_of(&log, "a.png").last(), Some(&"done a.png"));
    assert_eq!(rig.ls(), ["written a.png"], "the half is superseded");
}
