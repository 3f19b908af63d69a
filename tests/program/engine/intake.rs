//! Which files are processed, when, and how often.

use std::{fs, io::Write, thread::sleep, time::Duration};

use octrls_engine::{EngineOptions, Totals};

use crate::engine::rig::{Rig, lines_of};

#[test]
fn a_new_scan_passes_through_all_states() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put("ward/a.png", "scan");
    session.wait_for("done ward/a.png");
    let (log, totals) = session.finish();
    assert_eq!(log.first().map(String::as_str), Some("started"));
    assert_eq!(
        lines_of(&log, "ward/a.png"),
        ["seen ward/a.png", "queued ward/a.png", "running ward/a.png 1", "done ward/a.png"]
    );
    assert_eq!(log[log.len() - 2..], ["draining 0", "stopped"]);
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert_eq!(rig.result("ward/a.png"), "scan");
    assert!(rig.scan("ward/a.png").exists(), "scans stay where they are");
}

#[test]
fn a_growing_file_is_processed_when_complete() {
    for poll in [None, Some(Duration::from_millis(50))] {
        let mut rig = Rig::new();
        rig.options = EngineOptions { stability: Duration::from_millis(900), poll, ..rig.options };
        let mut session = rig.start();
        let mut file = fs::File::create(rig.scan("a.png")).unwrap();
        for part in 0..20 {
            write!(file, "part {part} ").unwrap();
            sleep(Duration::from_millis(30));
        }
        session.wait_for("done a.png");
        session.finish();
        assert_eq!(rig.calls(), ["a.png"]);
        assert!(rig.result("a.png").ends_with("part 19 "), "{}", rig.result("a.png"));
    }
}

#[test]
fn temporary_names_are_ignored_until_renamed() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put(".a.png.part", "scan");
    rig.put("b.png.tmp", "scan");
    rig.put("c.png", "sentinel");
    session.wait_for("done c.png");
    fs::rename(rig.scan(".a.png.part"), rig.scan("a.png")).unwrap();
    session.wait_for("done a.png");
    session.finish();
    assert_eq!(rig.calls(), ["a.png", "c.png"]);
}

#[test]
fn other_files_are_ignored() {
    let rig = Rig::new();
    for name in ["notes.txt", "a.png.toml", ".hidden/a.png", "@eaDir/a.png/thumbnail.jpg"] {
        rig.put(name, "bad");
    }
    fs::create_dir(rig.scan("folder.png")).unwrap();
    rig.put("folder.png/a.vol", "scan");
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    assert_eq!(rig.calls(), ["folder.png/a.vol"]);
}

/// The XML of an export of two images.
fn export(names: [&str; 2]) -> String {
    let listed = names.map(|name| {
        format!("<Image><ImageNumber>1</ImageNumber><ImageData><ExamURL>c:\\x\\{name}</ExamURL></ImageData></Image>")
    });
    format!("<HEDX><Series>{}</Series></HEDX>", listed.concat())
}

#[test]
fn images_of_an_export_are_not_separate_scans() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(300);
    rig.put("export/images/B1.TIF", "image");
    rig.put("export/z.xml", &export(["B1.tif", "B2.tif"]));
    rig.put("export/other.tif", "scan");
    let mut session = rig.start();
    session.wait_for("done export/z.xml");
    session.clear_log();
    // A listed image that arrives late belongs to the export, whose content changes.
    rig.put("export/images/b2.tif", "image");
    session.wait_for("done export/z.xml");
    session.finish();
    assert_eq!(rig.calls(), ["export/other.tif", "export/z.xml", "export/z.xml"]);
}

#[test]
fn results_of_images_that_arrive_before_their_export_are_removed() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put("export/images/B1.tif", "first image");
    rig.put("export/other.tif", "scan");
    session.wait_for("done export/images/B1.tif");
    session.wait_for("done export/other.tif");
    // A listed image that is being processed when the export arrives, and then fails.
    rig.put("export/images/B2.tif", "gate");
    session.wait_for("running export/images/B2.tif 1");
    rig.put("export/z.xml", &export(["B1.tif", "B2.tif"]));
    session.wait_for("done export/z.xml");
    rig.fail_gate();
    session.wait_for("vanished export/images/B2.tif");
    session.finish();
    assert!(rig.out("export/z.xml/result.json").is_file() && rig.out("export/other.tif/result.json").is_file());
    assert!(!rig.out("export/images").exists(), "results of images are gone, and folders that held nothing else");
    let known = rig.ls();
    assert!(known.len() == 2 && known.iter().all(|line| line.starts_with("written export/")), "{known:?}");
    assert!(rig.scan("export/images/B1.tif").is_file() && rig.scan("export/images/B2.tif").is_file());
    // Nothing is processed again while the export exists.
    let calls = rig.calls();
    rig.run_until_idle();
    assert_eq!(rig.calls(), calls);
}

#[test]
fn links_out_of_the_root_are_not_followed() {
    let rig = Rig::new();
    fs::create_dir(rig.beside("elsewhere")).unwrap();
    fs::write(rig.beside("elsewhere/a.png"), "scan").unwrap();
    std::os::unix::fs::symlink(rig.beside("elsewhere"), rig.scan("folder")).unwrap();
    std::os::unix::fs::symlink(rig.beside("elsewhere/a.png"), rig.scan("b.png")).unwrap();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals::default(), "{log:?}");
}

#[test]
fn results_below_the_root_are_not_scans() {
    let mut rig = Rig::new();
    rig.options.out = rig.scan("results");
    let mut session = rig.start();
    rig.put("a.png", "scan");
    rig.put("bad.png", "bad");
    session.wait_for("done a.png");
    session.wait_for("quarantined bad.png E-READ-FORMAT");
    rig.put("b.png", "another");
    session.wait_for("done b.png");
    session.finish();
    let (log, _) = rig.run_until_idle();
    assert_eq!(log, ["started", "draining 0", "stopped"]);
    assert_eq!(rig.calls(), ["a.png", "b.png", "bad.png"]);
}

#[test]
fn the_same_content_is_processed_once() {
    let mut rig = Rig::new();
    rig.options.workers = 4;
    for name in ["a.png", "b.png", "c/d.png"] {
        rig.put(name, "the same");
    }
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, already_done: 2, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.calls().len(), 1);
}

#[test]
fn an_empty_file_fails_after_a_longer_wait() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(20);
    rig.put("a.png", "");
    let (log, _) = rig.run_until_idle();
    assert!(log.contains(&"quarantined a.png E-READ-EMPTY".into()), "{log:?}");
}

#[test]
fn a_vanished_file_is_reported() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(400);
    let mut session = rig.start();
    rig.put("a.png", "scan");
    session.wait_for("seen a.png");
    fs::remove_file(rig.scan("a.png")).unwrap();
    session.wait_for("vanished a.png");
    let (_, totals) = session.finish();
    assert_eq!(totals, Totals::default());
}

#[test]
fn replaced_content_replaces_the_results() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put("a.png", "first");
    session.wait_for("done a.png");
    session.clear_log();
    rig.put("a.png", "second and longer");
    session.wait_for("done a.png");
    session.finish();
    assert_eq!(rig.result("a.png"), "second and longer");
}

#[test]
fn a_late_sidecar_leads_to_new_results() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put("a.png", "scan");
    session.wait_for("done a.png");
    session.clear_log();
    rig.put("a.png.toml", "axial_um = 3.87");
    session.wait_for("done a.png");
    session.finish();
    assert_eq!(rig.calls(), ["a.png", "a.png"]);
}

#[test]
fn a_scan_that_changes_while_it_is_processed_is_processed_again() {
    let rig = Rig::new();
    let mut session = rig.start();
    rig.put("a.png", "gate 1");
    session.wait_for("running a.png 1");
    rig.put("a.png", "gate 1 and 2");
    rig.open_gate();
    rig.open_gate();
    session.wait_for("done a.png");
    session.finish();
    assert_eq!(rig.result("a.png"), "gate 1 and 2");
}

#[test]
fn a_pause_stops_processing_but_not_watching() {
    let rig = Rig::new();
    let mut session = rig.start();
    session.handle.pause(true);
    rig.put("a.png", "scan");
    session.wait_for("queued a.png");
    assert_eq!(rig.calls(), [""; 0]);
    session.handle.pause(false);
    session.wait_for("resumed");
    session.wait_for("done a.png");
    session.finish();
}
