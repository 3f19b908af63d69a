//! From scan files to result folders, through the command line.

use std::{fs, path::Path};

use crate::support::{columns, difference, octrls, result};

const BOUNDARIES: [&str; 9] = ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM", "CSB"];

fn phantoms(folder: &Path, count: u32) {
    octrls().args(["phantom", "--count", &count.to_string()]).arg(folder).assert().success();
}

#[test]
fn boundaries_of_a_phantom_match_its_labels() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantoms(&scans, 1);
    octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert().success();

    let folder = out.join("phantom-000001.png");
    let found = columns(&folder.join("boundaries.csv"));
    let label = columns(&scans.join("phantom-000001.boundaries.csv"));
    for boundary in &BOUNDARIES[..8] {
        let (error, coverage) = difference(&found[*boundary], &label[*boundary]);
        assert!(error < 3.0 && coverage > 0.95, "{boundary}: {error} px, coverage {coverage}");
    }

    let record = result(&folder);
    assert_eq!(record["schema"], "octrls.result/2");
    assert_eq!(record["unit"], "um");
    assert_eq!(record["scan"]["path"], "phantom-000001.png");
    assert_eq!(record["scan"]["axial"]["from"], "sidecar");
    assert_eq!(record["scan"]["eye"], "OD");
    for file in record["files"].as_array().expect("files") {
        assert!(folder.join(file.as_str().expect("a name")).is_file(), "{file}");
    }
    let share = record["choroid_visible"].as_f64().expect("a choroid");
    let kinds = fs::read_to_string(folder.join("boundaries.csv")).expect("a table");
    let count = |kind: &str| kinds.lines().filter(|line| line.ends_with(kind)).count();
    let (visible, inferred) = (count(",visible"), count(",inferred"));
    assert_eq!(visible + inferred, found["CSB"].iter().flatten().count());
    let expected = visible as f64 / (visible + inferred) as f64;
    assert!((share - expected).abs() < 1e-6, "{share} {expected}");
    let mask = image::open(folder.join("mask.png")).expect("mask").into_luma8();
    assert_eq!((mask.width(), mask.height()), (768, 496));
    assert!(mask.pixels().all(|p| p.0[0] <= 8));
    let deviations = columns(&folder.join("uncertainty.csv"));
    for boundary in &BOUNDARIES[..8] {
        let determined = found[*boundary].iter().map(Option::is_some);
        assert!(determined.eq(deviations[*boundary].iter().map(Option::is_some)), "{boundary}");
        assert!(deviations[*boundary].iter().flatten().all(|sd| (0.0..20.0).contains(sd)), "{boundary}");
    }
    assert_eq!(record["verdict"], "good");
    let thickness = columns(&folder.join("thickness.csv"));
    let retina: f32 = ["nfl", "gcl_ipl", "inl", "opl", "onl", "ez", "rpe"]
        .iter()
        .map(|layer| thickness[&format!("{layer}_um")][100].expect("determined"))
        .sum();
    assert!((200.0..450.0).contains(&retina), "a healthy macula is about 300 um thick, not {retina}");
}

#[test]
fn boundaries_of_a_synthetic_volume_match_its_labels() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    octrls().args(["phantom", "--bscans", "9"]).arg(&scans).assert().success();
    octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert().success();

    let folder = out.join("phantom-000001.tif");
    let found = columns(&folder.join("boundaries.csv"));
    let label = columns(&scans.join("phantom-000001.boundaries.csv"));
    assert_eq!(found["bscan"], label["bscan"]);
    for boundary in &BOUNDARIES[..8] {
        let (error, coverage) = difference(&found[*boundary], &label[*boundary]);
        assert!(error < 3.0 && coverage > 0.95, "{boundary}: {error} px, coverage {coverage}");
    }
    let centre = &result(&folder)["volume"]["centre"];
    assert_eq!(centre["from"], "fovea", "{centre}");
}

#[test]
fn the_result_names_every_file_of_its_folder() {
    let temp = tempfile::tempdir().expect("tempdir");
    phantoms(temp.path(), 1);
    let out = temp.path().join("out");
    octrls().arg("segment").arg(temp.path()).arg("--out").arg(&out).assert().success();
    let folder = out.join("phantom-000001.png");
    let entries = fs::read_dir(&folder).expect("a folder").map(|e| e.expect("an entry").file_name());
    let mut there: Vec<String> = entries.map(|n| n.into_string().expect("text")).collect();
    there.retain(|n| n != "result.json");
    there.sort();
    let named: Vec<String> = serde_json::from_value(result(&folder)["files"].clone()).expect("names");
    assert_eq!(named, there);
    assert!(there.iter().any(|n| n == "report.pdf"));
    assert!(fs::read(folder.join("report.pdf")).expect("a report").starts_with(b"%PDF-"));
}

#[test]
fn without_a_spacing_thickness_is_in_pixels() {
    let temp = tempfile::tempdir().expect("tempdir");
    phantoms(temp.path(), 1);
    fs::remove_file(temp.path().join("phantom-000001.png.toml")).expect("remove the sidecar");
    let out = temp.path().join("out");
    octrls().arg("segment").arg(temp.path()).arg("--out").arg(&out).assert().success();
    let folder = out.join("phantom-000001.png");
    assert_eq!(result(&folder)["unit"], "px");
    assert!(columns(&folder.join("thickness.csv")).contains_key("onl_px"));
}

#[test]
fn a_broken_scan_does_not_stop_the_others() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantoms(&scans, 1);
    fs::create_dir(scans.join("deep")).expect("mkdir");
    fs::write(scans.join("deep/broken.png"), b"\x89PNG\r\n\x1a\nnot really").expect("write");
    fs::write(scans.join("empty.tif"), b"").expect("write");
    let assert = octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert().code(1);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("E-READ-EMPTY") && stderr.contains("broken.png  E-READ-"), "{stderr}");
    assert!(out.join("phantom-000001.png/result.json").is_file());
    assert!(!out.join("deep/broken.png").exists() && !out.join("empty.tif").exists());
}

#[test]
fn segmenting_again_replaces_results_but_not_foreign_folders() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantoms(&scans, 1);
    let segment = || octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert();
    segment().success();
    segment().success();
    let folder = out.join("phantom-000001.png");
    fs::remove_file(folder.join("result.json")).expect("remove");
    let assert = segment().code(1);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("E-OUT-FOREIGN"));
    assert!(folder.join("mask.png").is_file());
}

#[test]
fn results_of_an_earlier_run_are_not_segmented() {
    let temp = tempfile::tempdir().expect("tempdir");
    phantoms(temp.path(), 1);
    for out in ["first", "second"] {
        octrls().arg("segment").arg(temp.path()).arg("--out").arg(temp.path().join(out)).assert().success();
    }
    let folders = fs::read_dir(temp.path().join("second")).expect("results").filter_map(Result::ok);
    let visible = folders.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(visible.count(), 1);
}

#[test]
fn exit_codes_distinguish_usage_errors_from_failures() {
    octrls().arg("segment").assert().code(2);
    octrls().args(["segment", "x.png", "--axial-um", "-1"]).assert().code(2);
    octrls().args(["segment", "no-such-file.png"]).assert().code(3);
    octrls().args(["segment", "Cargo.toml", "--model", "Cargo.toml"]).assert().code(3);
    octrls().args(["watch", "no-such-folder", "--plain"]).assert().code(3);
    octrls().arg("--version").assert().success();
}

#[test]
fn a_folder_of_images_is_a_volume_in_natural_order() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantoms(&scans, 2);
    let volume = temp.path().join("volume");
    fs::create_dir(&volume).expect("mkdir");
    fs::copy(scans.join("phantom-000001.png"), volume.join("b10.png")).expect("copy");
    fs::copy(scans.join("phantom-000002.png"), volume.join("b9.png")).expect("copy");
    fs::write(volume.join("notes.txt"), "no image").expect("write");
    let sidecar = "axial_um = 3.87\nlateral_um = 11.3\neye = \"OS\"\nbetween_um = 120.0\nfirst_bscan = \"superior\"";
    fs::write(temp.path().join("volume.toml"), sidecar).expect("write");
    octrls().args(["segment", "--volume"]).arg(&volume).arg("--out").arg(&out).assert().success();
    octrls().arg("segment").arg(scans.join("phantom-000002.png")).arg("--out").arg(&out).assert().success();
    let (record, second) = (result(&out.join("volume")), result(&out.join("phantom-000002.png")));
    assert_eq!((&record["scan"]["bscans"], &record["scan"]["eye"]), (&2.into(), &"OS".into()));
    assert_eq!((&record["scan"]["axial"]["from"], &record["scan"]["eye_from"]), (&"sidecar".into(), &"sidecar".into()));
    let second_y = record["bscans"][1]["place"]["line"]["start"]["y"].as_f64().expect("a place");
    assert!((second_y - 0.18).abs() < 1e-9, "{second_y}");
    assert_eq!(record["bscans"][0]["confidence"], second["bscans"][0]["confidence"]);
    assert!(out.join("volume/mask-001.png").is_file());
    assert_eq!((&record["scan"]["places"], &second["scan"]["places"]), (&"sidecar".into(), &serde_json::Value::Null));
    assert!(out.join("volume/etdrs.csv").is_file() && record["volume"]["etdrs"][0]["coverage"].as_f64() > Some(0.0));

    fs::write(volume.join("b11.png"), [0; 40]).expect("write");
    let refused = octrls().args(["segment", "--volume"]).arg(&volume).arg("--out").arg(&out).assert().code(1);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("E-READ-"));
}

#[test]
fn custom_gates_flag_a_scan_and_invalid_files_are_refused() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out, gates) = (temp.path().join("in"), temp.path().join("out"), temp.path().join("gates.toml"));
    phantoms(&scans, 1);
    let segment = |option: &str, text: &str| {
        fs::write(&gates, text).expect("write");
        let mut command = octrls();
        command.arg("segment").arg(&scans).arg("--out").arg(&out).arg(option).arg(&gates);
        command
    };
    let quality = || result(&out.join("phantom-000001.png"))["quality"].clone();
    segment("--gates", "").assert().success();
    assert_eq!(quality()["flags"], "");
    segment("--gates", "snr_db = 99\ntilt = 0").assert().success();
    assert_eq!(quality()["flags"], "SB");
    let judged = quality()["criteria"].as_array().expect("criteria").clone();
    let gate = |measure: &str| judged.iter().find(|j| j["measure"] == measure).expect("a measure")["gate"].clone();
    assert_eq!((gate("snr_db"), gate("tilt")), (99.0.into(), 0.0.into()));
    segment("--gates", "coverage = 1.1\ncontrast = 99\nconfidence = 1.1").assert().success();
    assert_eq!(quality()["flags"], "OSA");
    for (option, text, code) in [
        ("--gates", "snr = 1", "E-CONFIG-GATES"),
        ("--gates", "\u{0}", "E-CONFIG-GATES"),
        ("--reference", "name = 1", "E-CONFIG-REFERENCE"),
    ] {
        let output = segment(option, text).assert().code(3).get_output().stderr.clone();
        assert!(String::from_utf8_lossy(&output).contains(code), "{text}");
    }
    octrls().arg("segment").arg(&scans).args(["--reference", "no-such-table.toml"]).assert().code(3);
}

#[test]
fn the_watcher_processes_each_content_once_across_restarts() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantoms(&scans, 2);
    let watch = || {
        let mut command = octrls();
        command.args(["watch", "--once", "--plain", "--stable", "0.2", "--out"]).arg(&out).arg(&scans);
        let output = command.assert().success().get_output().stdout.clone();
        String::from_utf8(output).expect("UTF-8")
    };
    let done = |text: &str| text.lines().filter(|l| l.split_whitespace().nth(1) == Some("done")).count();
    let first = watch();
    assert_eq!(done(&first), 2, "{first}");
    assert!(out.join("phantom-000002.png/result.json").is_file());
    let second = watch();
    assert_eq!(done(&second), 0, "{second}");
    phantoms(&scans, 3);
    let third = watch();
    assert_eq!(done(&third), 1, "only the third phantom is new: {third}");
}

#[test]
fn the_watcher_quarantines_unreadable_files_with_the_reason() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    fs::create_dir(&scans).expect("mkdir");
    fs::write(scans.join("photo.jpg"), b"this is no JPEG").expect("write");
    octrls().args(["watch", "--once", "--json", "--stable", "0.2", "--out"]).arg(&out).arg(&scans).assert().code(1);
    assert!(!scans.join("photo.jpg").exists());
    assert!(out.join("quarantine/photo.jpg").is_file());
    let reason = fs::read_to_string(out.join("quarantine/photo.jpg.reason.json")).expect("reason");
    assert!(reason.contains("E-READ-FORMAT"), "{reason}");
}

#[test]
fn model_info_describes_the_built_in_model() {
    let output = octrls().args(["model", "info", "--json"]).assert().success().get_output().stdout.clone();
    let info: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
    assert_eq!(info["input"], "640x640");
    assert_eq!(info["file_sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn a_missing_gpu_is_reported_once() {
    let temp = tempfile::tempdir().expect("tempdir");
    phantoms(temp.path(), 2);
    let out = temp.path().join("out");
    let mut command = octrls();
    // Hide any GPU of this machine.
    command.env("CUDA_VISIBLE_DEVICES", "").args(["segment", "--model", "edge", "--device", "cuda"]);
    let done = command.arg(temp.path()).arg("--out").arg(&out).output().expect("a run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(said.matches("E-MODEL-DEVICE").count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let built_in = cfg!(feature = "cuda");
    assert_eq!(
        (done.status.code(), out.join("phantom-000002.png").exists()),
        (Some(if built_in { 0 } else { 3 }), built_in)
    );
    octrls().args(["segment", "--device", "gpu"]).arg(temp.path()).arg("--out").arg(&out).assert().code(2);
}

#[test]
fn the_demo_runs_without_a_terminal() {
    let output = octrls().args(["demo", "--plain", "--scans", "1"]).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8_lossy(&output).contains(" done "));
}
