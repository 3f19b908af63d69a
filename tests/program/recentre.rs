//! Volumes whose fovea is not found, and its place stated by hand.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{octrls, result};

const NAME: &str = "phantom-000001.tif";

/// A volume of 3 B-scans, too small to show the rim of its fovea, and its results in `out`.
fn segmented() -> (TempDir, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    octrls().args(["phantom", "--bscans", "3"]).arg(folder.path()).assert().success();
    let (scan, out) = (folder.path().join(NAME), folder.path().join("out"));
    octrls().args(["segment", "--model", "edge", "--out"]).arg(&out).arg(&scan).assert().success();
    let before = result(&out.join(NAME));
    (folder, before)
}

fn recentre(folder: &Path, more: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = octrls();
    command.args(["recentre", "--model", "edge", "--out"]).arg(folder.join("out")).arg(folder.join(NAME)).args(more);
    command.assert()
}

fn has_note(result: &Value, note: &str) -> bool {
    result["notes"].as_array().expect("notes").iter().any(|n| n["note"] == note)
}

#[test]
fn without_a_fovea_no_subfield_is_compared_and_a_stated_one_makes_the_results_anew() {
    let (folder, before) = segmented();
    let centre = &before["volume"]["centre"];
    assert_eq!((&centre["from"], &centre["confidence"]), (&json!("scan_middle"), &json!(0.0)));
    assert!(has_note(&before, "no_fovea") && before["reference"].is_null());
    assert!(before["quality"]["flags"].as_str().expect("flags").contains('C'));
    let etdrs = || fs::read_to_string(folder.path().join("out").join(NAME).join("etdrs.csv")).expect("a table");
    assert!(etdrs().lines().skip(1).all(|line| line.contains(",scan_middle,")));

    let (x, y) = (centre["place"]["x"].as_f64().expect("x") + 0.05, centre["place"]["y"].as_f64().expect("y"));
    recentre(folder.path(), &["--at", &format!("{x},{y}")]).success();
    let after = result(&folder.path().join("out").join(NAME));
    let centre = &after["volume"]["centre"];
    assert_eq!((&centre["from"], &centre["confidence"]), (&json!("stated"), &Value::Null));
    assert!((centre["place"]["x"].as_f64().expect("x") - x).abs() < 1e-9);
    assert!(!has_note(&after, "no_fovea") && after["reference"].is_object() && after["volume"]["gcipl"].is_object());
    assert!(!after["quality"]["flags"].as_str().expect("flags").contains('C'));
    assert!(etdrs().lines().skip(1).all(|line| line.contains(",stated,")));
    assert_eq!(after["layers"], before["layers"], "the lines stay");
    let sidecar = fs::read_to_string(folder.path().join(format!("{NAME}.toml"))).expect("a sidecar");
    assert!(sidecar.starts_with("centre_x_mm = ") && sidecar.contains("axial_um"), "{sidecar}");

    recentre(folder.path(), &["--clear"]).success();
    assert_eq!(result(&folder.path().join("out").join(NAME))["volume"], before["volume"]);

    let mut command = octrls();
    let output = command.args(["audit", "--json", "--out"]).arg(folder.path().join("out")).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [stated, cleared] = &entries[..] else { panic!("two changes: {text}") };
    assert_eq!((&stated["action"], &stated["subject"]), (&json!("centre"), &json!(NAME)));
    assert_eq!(
        (&stated["before"], &cleared["before"], &cleared["after"]),
        (&Value::Null, &stated["after"], &Value::Null)
    );
}

#[test]
fn a_place_outside_the_scan_and_a_scan_without_results_are_refused() {
    let (folder, before) = segmented();
    let refused = |more: &[&str]| {
        let output = recentre(folder.path(), more).failure().get_output().stderr.clone();
        String::from_utf8(output).expect("UTF-8")
    };
    assert!(refused(&["--at", "-50,1"]).contains("E-READ-HINT"));
    assert!(refused(&["--at", "1"]).contains("X,Y"));
    assert!(!fs::read_to_string(folder.path().join(format!("{NAME}.toml"))).expect("a sidecar").contains("centre"));
    assert_eq!(result(&folder.path().join("out").join(NAME))["created"], before["created"], "nothing was written");
    // Another scan of the same name.
    octrls().args(["phantom", "--bscans", "3", "--seed", "2"]).arg(folder.path()).assert().success();
    fs::rename(folder.path().join("phantom-000002.tif"), folder.path().join(NAME)).expect("another scan");
    assert!(refused(&["--at", "3,0.4"]).contains("E-ARGS-EMPTY"));
}

#[test]
fn a_sidecar_s_centre_outside_the_scan_is_noted_and_not_used() {
    let (folder, _) = segmented();
    let path = folder.path().join(format!("{NAME}.toml"));
    let sidecar = fs::read_to_string(&path).expect("a sidecar");
    fs::write(&path, format!("centre_x_mm = 50.0\ncentre_y_mm = 1.0\n{sidecar}")).expect("a sidecar");
    let out = folder.path().join("out");
    octrls().args(["segment", "--model", "edge", "--out"]).arg(&out).arg(folder.path().join(NAME)).assert().success();
    let result = result(&out.join(NAME));
    assert!(has_note(&result, "stated_centre_unused") && result["volume"]["centre"]["from"] == "scan_middle");
}
