//! Tests with real scans, if available: lines follow the layers, and scanner files state their spacing.

use std::path::Path;

use crate::support::{columns, difference, octrls, real_data};

const RETINA: [&str; 8] = ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM"];

/// Segments one scan by the convention of its labels and compares each boundary with them. Below `limit`, a line still
/// follows its layer.
fn check(scan: &Path, labels: &Path, ellipsoid_zone: &str, limit: f32) {
    let out = tempfile::tempdir().expect("tempdir");
    let convention = ["--ellipsoid-zone", ellipsoid_zone];
    octrls().arg("segment").arg(scan).args(convention).arg("--out").arg(out.path()).assert().success();
    let found = columns(&out.path().join(scan.file_name().expect("a name")).join("boundaries.csv"));
    let label = columns(labels);
    for boundary in RETINA {
        let (error, coverage) = difference(&found[boundary], &label[boundary]);
        assert!(error < limit && coverage > 0.9, "{}: {boundary}: {error} px, {coverage}", scan.display());
    }
}

#[test]
fn healthy_eyes_of_a_subject_outside_training() {
    let Some(data) = real_data("healthy_eyes_of_a_subject_outside_training") else { return };
    let set = data.join("tian_healthy");
    for scan in ["Subject08_01", "Subject08_06"] {
        let (image, labels) = (format!("images/{scan}.png"), format!("boundaries/{scan}.csv"));
        check(&set.join(image), &set.join(labels), "band-alone", 3.0);
    }
}

#[test]
fn diabetic_oedema_of_a_subject_outside_training() {
    let Some(data) = real_data("diabetic_oedema_of_a_subject_outside_training") else { return };
    let set = data.join("duke_dme");
    let labels = set.join("boundaries_grader1/Subject_08_00.csv");
    check(&set.join("images/Subject_08_00.png"), &labels, "with-outer-segments", 5.0);
}

#[test]
fn spectralis_files_take_their_scale_from_the_header() {
    let Some(data) = real_data("spectralis_files_take_their_scale_from_the_header") else { return };
    let out = tempfile::tempdir().expect("tempdir");
    let scan = data.join("formats/heidelberg_vol/edi_lines/TEST_T_2715_0.vol");
    octrls().arg("segment").arg(&scan).arg("--out").arg(out.path()).assert().success();
    let record = crate::support::result(&out.path().join("TEST_T_2715_0.vol"));
    assert_eq!(record["unit"], "um");
    assert_eq!(record["scan"]["axial"]["from"], "header");
    assert_eq!(record["scan"]["eye"], "OS");
    assert_eq!(record["scan"]["pattern"], "line");
    let total: f64 =
        record["layers"].as_array().expect("layers")[..7].iter().map(|l| l["mean"].as_f64().expect("measured")).sum();
    assert!((200.0..450.0).contains(&total), "a macula of {total} um");
}
