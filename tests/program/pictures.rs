//! Pictures and files as people hand them over: without extensions, turned, with strips, named by a pattern.

use std::{fs, path::Path};

use image::{GrayImage, Luma};

use crate::support::{columns, difference, octrls, result};

/// A synthetic B-scan; its sidecar and labels lie beside it in `folder`.
fn phantom(folder: &Path) -> GrayImage {
    octrls().arg("phantom").arg(folder).assert().success();
    image::open(folder.join("phantom-000001.png")).expect("a phantom").into_luma8()
}

#[test]
fn a_pattern_and_content_replace_sidecars_and_extensions() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantom(&temp.path().join("phantoms"));
    fs::create_dir_all(scans.join("P12")).expect("mkdir");
    fs::copy(temp.path().join("phantoms/phantom-000001.png"), scans.join("P12/2026-01-31_OS")).expect("copy");
    fs::write(scans.join("notes.txt"), "no scan").expect("write");
    let segment = octrls()
        .args(["segment", "--name-pattern", "{patient}/{date}_{eye}"])
        .arg(&scans)
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    let stderr = String::from_utf8_lossy(&segment.get_output().stderr).into_owned();
    assert!(stderr.contains("1 file is no scan"), "{stderr}");
    let record = result(&out.join("P12/2026-01-31_OS"));
    assert_eq!((&record["scan"]["eye"], &record["scan"]["eye_from"]), (&"OS".into(), &"name".into()));
    assert_eq!(record["scan"]["acquired"], "2026-01-31T00:00:00");
    assert!(record["scan"].get("notes").is_none() && record["scan"].get("crop").is_none());

    let refused = octrls().args(["segment", "--name-pattern", "{eyes}"]).arg(&scans).assert().code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("no field"));
}

#[test]
fn an_empty_outcome_is_said() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    fs::create_dir(&scans).expect("mkdir");
    for name in ["a.txt", "b", "DICOMDIR"] {
        fs::write(scans.join(name), "no scan").expect("write");
    }
    let segment = octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert().failure();
    let stderr = String::from_utf8_lossy(&segment.get_output().stderr).into_owned();
    assert!(stderr.contains("no scans found") && stderr.contains("3 files are no scans"), "{stderr}");
    let watch = octrls().args(["watch", "--once", "--plain"]).arg(&scans).arg("--out").arg(&out).assert().success();
    let output = watch.get_output();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(stdout.contains("3 files are no scans"), "{stdout}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no scans found"));
}

#[test]
fn a_white_strip_changes_no_line() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    let plain = phantom(&temp.path().join("phantoms"));
    fs::create_dir(&scans).expect("mkdir");
    plain.save(scans.join("plain.png")).expect("save");
    let (width, height) = plain.dimensions();
    let strip =
        GrayImage::from_fn(width, height + 20, |x, y| if y < height { *plain.get_pixel(x, y) } else { Luma([255]) });
    strip.save(scans.join("strip.png")).expect("save");
    octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert().success();
    let rows = |name: &str| columns(&out.join(name).join("boundaries.csv"));
    let (want, got) = (rows("plain.png"), rows("strip.png"));
    for boundary in ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM"] {
        let (error, coverage) = difference(&got[boundary], &want[boundary]);
        assert!(error < 0.1 && coverage > 0.99, "{boundary}: {error} px, coverage {coverage}");
    }
}

#[test]
fn a_scan_without_a_retina_says_why() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    let upright = phantom(&temp.path().join("phantoms"));
    fs::create_dir(&scans).expect("mkdir");
    image::imageops::flip_vertical(&upright).save(scans.join("down.png")).expect("save");
    image::imageops::rotate90(&upright).save(scans.join("turned.png")).expect("save");
    GrayImage::from_fn(400, 300, |x, y| Luma([((x * y) % 7) as u8])).save(scans.join("dark.png")).expect("save");
    let segment = octrls().arg("segment").arg(&scans).arg("--out").arg(&out).assert().success();
    let stdout = String::from_utf8_lossy(&segment.get_output().stdout).into_owned();
    for (name, reason, words) in [
        ("down.png", "upside_down", "upside down"),
        ("turned.png", "turned", "turned by 90 degrees"),
        ("dark.png", "too_dark", "too dark"),
    ] {
        let record = result(&out.join(name));
        assert_eq!((&record["verdict"], &record["no_retina"]), (&"not_a_retina".into(), &reason.into()), "{name}");
        assert_eq!(record["bscans"][0]["no_retina"], reason);
        assert!(stdout.contains(&format!("not a retina: the image is {words}")), "{stdout}");
    }
}

#[test]
fn a_name_of_the_greatest_length_is_processed_or_quarantined() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    phantom(&temp.path().join("phantoms"));
    fs::create_dir(&scans).expect("mkdir");
    let name = |letter: &str| format!("{}.png", letter.repeat(251));
    fs::copy(temp.path().join("phantoms/phantom-000001.png"), scans.join(name("a"))).expect("copy");
    fs::write(scans.join(name("b")), b"no picture").expect("write");
    octrls()
        .args(["watch", "--once", "--plain", "--stable", "0.1"])
        .arg(&scans)
        .arg("--out")
        .arg(&out)
        .assert()
        .code(1);
    assert_eq!(result(&out.join(name("a")))["verdict"], "good");
    let listed = octrls().args(["quarantine", "list"]).arg("--out").arg(&out).assert().success();
    let stdout = String::from_utf8_lossy(&listed.get_output().stdout).into_owned();
    assert!(stdout.contains("E-READ-FORMAT"), "{stdout}");
    assert!(!scans.join(name("b")).exists());
    octrls().args(["quarantine", "retry", "--all"]).arg("--out").arg(&out).assert().success();
    assert!(scans.join(name("b")).exists(), "back under its own name");
}
