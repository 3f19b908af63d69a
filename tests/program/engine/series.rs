//! DICOM series with one file per B-scan.

use crate::support::instance;

use std::{fs, thread::sleep, time::Duration};

use octrls_engine::{EngineOptions, Totals};

use self::instance::{instance, instance_of};
use crate::engine::rig::{Rig, lines_of};

/// Writes an instance of the series 1.2 with the given words.
fn put(rig: &Rig, name: &str, words: &str) {
    put_of(rig, name, "1.2", 1, words);
}

fn put_of(rig: &Rig, name: &str, series: &str, frames: u32, words: &str) {
    let path = rig.scan(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, instance(series, frames, words)).unwrap();
}

#[test]
fn instances_of_a_series_in_one_folder_are_one_scan() {
    let rig = Rig::new();
    for (name, words) in [("s/10.dcm", "third"), ("s/2.dcm", "second"), ("s/1.dcm", "first"), ("t/4.dcm", "elsewhere")]
    {
        put(&rig, name, words);
    }
    put_of(&rig, "s/3.dcm", "1.3", 1, "alone");
    put_of(&rig, "s/volume.dcm", "1.2", 5, "volume");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(rig.calls(), ["s/1.dcm", "s/3.dcm", "s/volume.dcm", "t/4.dcm"], "{log:?}");
    assert_eq!(totals, Totals { done: 4, ..Totals::default() });
    assert_eq!(rig.result("s/1.dcm"), "first second third");
    // The same files are recognised.
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
    assert_eq!(rig.calls().len(), 4);
}

#[test]
fn a_series_is_processed_when_it_stops_growing() {
    for poll in [None, Some(Duration::from_millis(50))] {
        let mut rig = Rig::new();
        rig.options = EngineOptions { stability: Duration::from_millis(900), poll, ..rig.options };
        let mut session = rig.start();
        for number in [3, 1, 2, 5, 4] {
            put(&rig, &format!("{number}.dcm"), &number.to_string());
            sleep(Duration::from_millis(100));
        }
        session.wait_for("done 1.dcm");
        session.finish();
        assert_eq!(rig.calls(), ["1.dcm"]);
        assert_eq!(rig.result("1.dcm"), "1 2 3 4 5");
    }
}

#[test]
fn a_late_instance_replaces_the_results() {
    let rig = Rig::new();
    let mut session = rig.start();
    put(&rig, "s/2.dcm", "2");
    session.wait_for("done s/2.dcm");
    session.clear_log();
    put(&rig, "s/3.dcm", "3");
    session.wait_for("done s/2.dcm");
    assert_eq!(rig.result("s/2.dcm"), "2 3");
    session.clear_log();
    // Its name comes first, so the scan is now named after it.
    put(&rig, "s/1.dcm", "1");
    session.wait_for("done s/1.dcm");
    session.finish();
    assert_eq!(rig.result("s/1.dcm"), "1 2 3");
    assert!(!rig.out("s/2.dcm").exists());
    assert_eq!(rig.ls(), ["written s/1.dcm"]);
}

#[test]
fn a_changed_or_missing_instance_leads_to_new_results() {
    for poll in [None, Some(Duration::from_millis(50))] {
        let mut rig = Rig::new();
        rig.options.poll = poll;
        let mut session = rig.start();
        for number in ["1", "2", "3"] {
            put(&rig, &format!("{number}.dcm"), number);
        }
        session.wait_for("done 1.dcm");
        session.clear_log();
        put(&rig, "3.dcm", "three");
        session.wait_for("done 1.dcm");
        assert_eq!(rig.result("1.dcm"), "1 2 three");
        session.clear_log();
        fs::remove_file(rig.scan("2.dcm")).unwrap();
        session.wait_for("done 1.dcm");
        assert_eq!(rig.result("1.dcm"), "1 three");
        session.clear_log();
        // Only the name changes.
        fs::rename(rig.scan("1.dcm"), rig.scan("4.dcm")).unwrap();
        session.wait_for("already done 3.dcm");
        session.finish();
        assert_eq!(rig.calls().len(), 3);
    }
}

#[test]
fn a_series_that_grows_while_it_is_processed_is_processed_again() {
    for (late, name) in [("2.dcm", "1.dcm"), ("0.dcm", "0.dcm")] {
        let rig = Rig::new();
        let mut session = rig.start();
        put(&rig, "1.dcm", "gate");
        session.wait_for("running 1.dcm 1");
        put(&rig, late, "late");
        // When this scan is done, the late instance has been noticed.
        rig.put("sentinel.png", "sentinel");
        session.wait_for("done sentinel.png");
        rig.open_gate();
        rig.open_gate();
        session.wait_for(&format!("done {name}"));
        session.finish();
        let words = rig.result(name);
        assert!(words == "gate late" || words == "late gate", "{words}");
        let there: Vec<_> = fs::read_dir(rig.out("")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(late == "2.dcm" || !there.iter().any(|file| file == "1.dcm"), "{there:?}");
    }
}

#[test]
fn a_failed_series_stays_until_it_is_repaired() {
    let rig = Rig::new();
    let mut session = rig.start();
    put(&rig, "s/1.dcm", "bad");
    put(&rig, "s/2.dcm", "2");
    session.wait_for("quarantined s/1.dcm E-READ-FORMAT");
    assert!(rig.scan("s/1.dcm").is_file() && rig.scan("s/2.dcm").is_file());
    let listed = || rig.command(&["quarantine", "list", "--json"]).1;
    assert!(listed().contains("E-READ-FORMAT"), "{}", listed());
    // Any instance may name the series.
    session.clear_log();
    let (asked, text) = rig.command(&["redo", "s/2.dcm"]);
    assert!(asked, "{text}");
    session.wait_for("quarantined s/1.dcm E-READ-FORMAT");
    assert_eq!(listed().lines().count(), 1, "{}", listed());
    session.clear_log();
    put(&rig, "s/3.dcm", "3");
    session.wait_for("quarantined s/1.dcm E-READ-FORMAT");
    assert_eq!(listed().lines().count(), 1, "{}", listed());
    put(&rig, "s/1.dcm", "sound");
    session.wait_for("done s/1.dcm");
    let (log, _) = session.finish();
    assert_eq!(rig.result("s/1.dcm"), "sound 2 3");
    assert!(lines_of(&log, "s/2.dcm").iter().all(|line| !line.starts_with("running")), "{log:?}");
    assert_eq!(listed(), "");
    let states = rig.ls();
    assert!(states.iter().all(|state| !state.starts_with("quarantined")), "{states:?}");
}

#[test]
fn a_stuck_scan_that_became_a_series_stays() {
    for (first, second) in [("1.dcm", "2.dcm"), ("2.dcm", "1.dcm")] {
        let mut rig = Rig::new();
        rig.options.timeout = Some(Duration::from_millis(500));
        let mut session = rig.start();
        put(&rig, first, "stuck");
        session.wait_for(&format!("running {first} 1"));
        put(&rig, second, "other");
        session.wait_for(&format!("quarantined {first} E-TIMEOUT"));
        session.finish();
        assert!(rig.scan(first).is_file() && rig.scan(second).is_file());
        assert!(!rig.out("quarantine").join(first).exists());
    }
}

#[test]
fn a_truncated_dicom_file_is_a_separate_scan() {
    let rig = Rig::new();
    let mut cut = instance("1.2", 1, "bad");
    cut.truncate(200);
    fs::write(rig.scan("0.dcm"), cut).unwrap();
    put(&rig, "1.dcm", "1");
    put(&rig, "2.dcm", "2");
    rig.put("text.dcm", "text");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(rig.calls(), ["0.dcm", "1.dcm", "text.dcm"], "{log:?}");
    assert_eq!(totals, Totals { done: 2, quarantined: 1, ..Totals::default() });
    assert_eq!(rig.result("1.dcm"), "1 2");
}

#[test]
fn an_instance_that_was_sent_again_for_another_patient_replaces_the_older() {
    for newer_name in ["0.dcm", "2.dcm"] {
        let rig = Rig::new();
        let put = |name: &str, patient: &str, words: &str| {
            fs::write(rig.scan(name), instance_of(patient, "1.2", 1, words)).unwrap();
        };
        let mut session = rig.start();
        put("1.dcm", "MISTAKEN", "older");
        session.wait_for("done 1.dcm");
        sleep(Duration::from_millis(20));
        put(newer_name, "CORRECTED", "newer");
        session.wait_for("notice W-SCAN-REPLACED");
        session.wait_for(&format!("done {newer_name}"));
        session.finish();
        assert_eq!(rig.result(newer_name), "newer");
        assert!(!rig.out("1.dcm").exists(), "the old result is gone");
        assert!(rig.scan("1.dcm").is_file(), "scans stay where they are");
        let (_, text) = rig.command(&["ls", "--json"]);
        let entries: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let states: Vec<_> = entries.iter().map(|e| e["state"].as_str().unwrap()).collect();
        assert_eq!(rig.ls(), [format!("written {newer_name}")], "{states:?}");
        assert!(!text.contains("MISTAKEN") && !text.contains("CORRECTED"), "{text}");
        let (log, totals) = rig.run_until_idle();
        assert_eq!(totals, Totals::default(), "{log:?}");
        // If it is withdrawn, the older one is back.
        fs::remove_file(rig.scan(newer_name)).unwrap();
        let (log, totals) = rig.run_until_idle();
        assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
        assert_eq!(rig.result("1.dcm"), "older");
    }
}
