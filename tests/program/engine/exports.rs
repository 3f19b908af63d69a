//! Exports: an XML and the images that it lists.

use std::{fs, thread::sleep, time::Duration};

use octrls_engine::Totals;

use crate::{
    engine::rig::{Rig, lines_of},
    support::instance::instance,
};

/// The XML of an export of these images.
fn export(names: &[&str]) -> String {
    let listed = names.iter().map(|name| {
        format!("<Image><ImageNumber>1</ImageNumber><ImageData><ExamURL>c:\\x\\{name}</ExamURL></ImageData></Image>")
    });
    format!("<HEDX><Series>{}</Series></HEDX>", listed.collect::<String>())
}

#[test]
fn a_scan_elsewhere_with_the_name_of_an_image_is_a_scan() {
    let rig = Rig::new();
    rig.put("export/z.xml", &export(&["B1.tif", "B2.tif"]));
    for name in ["export/B1.tif", "export/B2.tif", "export/other/B1.tif", "elsewhere/B2.tif", "B1.tif"] {
        rig.put(name, name);
    }
    let (log, totals) = rig.run_until_idle();
    assert_eq!(rig.calls(), ["B1.tif", "elsewhere/B2.tif", "export/other/B1.tif", "export/z.xml"], "{log:?}");
    assert_eq!(totals, Totals { done: 4, ..Totals::default() });
}

#[test]
fn other_images_are_another_scan() {
    let rig = Rig::new();
    for (folder, words) in [("a", "first"), ("b", "second")] {
        rig.put(&format!("{folder}/z.xml"), &export(&["B1.tif"]));
        rig.put(&format!("{folder}/B1.tif"), words);
    }
    rig.put("c/z.xml", &export(&["B1.tif"]));
    rig.put("c/B1.tif", "first");
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 2, already_done: 1, ..Totals::default() }, "{log:?}");

    // A replaced image, also while no engine runs.
    rig.put("b/B1.tif", "third!");
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
    let mut session = rig.start();
    rig.put("b/B1.tif", "fourth");
    session.wait_for("done b/z.xml");
    session.clear_log();
    fs::remove_file(rig.scan("b/B1.tif")).unwrap();
    session.wait_for("done b/z.xml");
    session.finish();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals::default(), "{log:?}");
}

#[test]
fn an_export_waits_for_its_last_image() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(400);
    rig.put("z.xml", &export(&["B1.tif", "B2.tif"]));
    let mut session = rig.start();
    rig.put("B1.tif", "image");
    // Longer than an image of its own would get.
    for part in 1..12 {
        sleep(Duration::from_millis(100));
        rig.put("B2.tif", &"growing ".repeat(part));
    }
    session.clear_log();
    session.wait_for("running z.xml 1");
    session.wait_for("done z.xml");
    session.finish();
    assert_eq!(rig.calls(), ["z.xml"]);
}

#[test]
fn an_export_waits_for_images_that_have_not_arrived() {
    let mut rig = Rig::new();
    rig.options.stability = Duration::from_millis(300);
    let mut session = rig.start();
    rig.put("z.xml", &export(&["B1.tif", "B2.tif"]));
    session.wait_for("seen z.xml");
    sleep(Duration::from_secs(2));
    session.clear_log();
    rig.put("B1.tif", "image");
    rig.put("B2.tif", "image 2");
    session.wait_for("running z.xml 1");
    session.wait_for("done z.xml");
    let (log, _) = session.finish();
    assert_eq!(rig.calls(), ["z.xml"]);
    assert!(lines_of(&log, "B1.tif").is_empty(), "{log:?}");
    // Images that never come do not hold it up for ever.
    rig.put("other/z.xml", &export(&["C1.tif"]));
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() });
}

#[test]
fn the_whole_scan_replaces_its_parts_when_processed_again() {
    let rig = Rig::new();
    for name in ["export/B1.tif", "export/B2.tif"] {
        rig.put(name, name);
    }
    fs::create_dir(rig.scan("series")).unwrap();
    fs::write(rig.scan("series/2.dcm"), instance("1.2", 1, "2")).unwrap();
    rig.run_until_idle();
    assert_eq!(rig.ls().len(), 3);
    rig.put("export/z.xml", &export(&["B1.tif", "B2.tif"]));
    fs::write(rig.scan("series/1.dcm"), instance("1.2", 1, "1")).unwrap();
    let (ok, text) = rig.command(&["redo", "--all"]);
    assert!(ok, "{text}");
    rig.run_until_idle();
    let whole = ["written export/z.xml", "written series/1.dcm"];
    assert_eq!(rig.ls(), whole);
    for gone in ["export/B1.tif", "export/B2.tif", "series/2.dcm"] {
        assert!(!rig.out(gone).exists(), "{gone}");
    }
    // An image names its export, an instance its series.
    for (part, whole) in [("export/B2.tif", "export/z.xml"), ("series/2.dcm", "series/1.dcm")] {
        let (ok, text) = rig.command(&["redo", part]);
        assert!(ok, "{text}");
        let (log, totals) = rig.run_until_idle();
        assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{part} {log:?}");
        assert!(log.contains(&format!("done {whole}")), "{log:?}");
    }
    assert_eq!(rig.ls(), whole);
}

#[test]
fn a_known_export_replaces_parts_that_came_first() {
    let rig = Rig::new();
    rig.put("a/z.xml", &export(&["B1.tif"]));
    rig.put("a/B1.tif", "image");
    rig.run_until_idle();
    let mut session = rig.start();
    rig.put("b/B1.tif", "image");
    session.wait_for("done b/B1.tif");
    rig.put("b/z.xml", &export(&["B1.tif"]));
    session.wait_for("already done b/z.xml");
    session.finish();
    assert_eq!(rig.ls(), ["written a/z.xml"]);
    assert!(!rig.out("b").exists());
}

#[test]
fn a_failed_export_stays_with_its_images() {
    let rig = Rig::new();
    rig.put("z.xml", &export(&["B1.tif"]));
    rig.put("B1.tif", "image");
    rig.fail_exports();
    let (log, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { quarantined: 1, ..Totals::default() }, "{log:?}");
    assert!(rig.scan("z.xml").is_file() && rig.out("quarantine/z.xml.reason.json").is_file());
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals::default(), "its image is no scan");
    rig.put("B1.tif", "a better image");
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { quarantined: 1, ..Totals::default() }, "it is tried again");
}
