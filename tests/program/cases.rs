//! Scans that stand for kinds which once failed, if available: the program's results on them.

use std::path::Path;

use serde_json::Value;

use crate::support::{columns, difference, octrls, result};

const RETINA: [&str; 8] = ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM"];

/// Segments `scans` and returns their folder of results.
fn segmented(scans: &[&Path]) -> tempfile::TempDir {
    let out = tempfile::tempdir().expect("tempdir");
    octrls().arg("segment").args(scans).arg("--out").arg(out.path()).assert().success();
    out
}

/// Mean distance of the retina's lines in the results `found` from those in `reference`, of whose image `above` rows were
/// cut off.
fn distance(found: &Path, reference: &Path, above: f32) -> f32 {
    let (found, reference) = (columns(&found.join("boundaries.csv")), columns(&reference.join("boundaries.csv")));
    let shifted = |rows: &[Option<f32>]| rows.iter().map(|row| row.map(|row| row + above)).collect::<Vec<_>>();
    RETINA.iter().map(|line| difference(&shifted(&found[*line]), &reference[*line]).0).sum::<f32>() / 8.0
}

fn findings(result: &Value) -> Vec<&str> {
    result["findings"].as_array().expect("findings").iter().filter_map(|finding| finding["of"].as_str()).collect()
}

#[test]
fn an_image_cropped_to_its_retina_has_the_lines_of_the_full_frame() {
    let (Some(cases), Some(data)) = (octrls_testing::cases("cropped"), octrls_testing::real_data("cropped")) else {
        return;
    };
    let full = data.join("tian_healthy/images/Subject05_09.png");
    let (tight, loose) = (cases.join("Subject05_09__crop20.png"), cases.join("Subject05_09__crop40.png"));
    let out = segmented(&[&full, &tight, &loose]);
    let of = |name: &str| out.path().join(name);
    for (name, above) in [("Subject05_09__crop20.png", 145.0), ("Subject05_09__crop40.png", 125.0)] {
        let rows = distance(&of(name), &of("Subject05_09.png"), above);
        assert!(rows < 0.3, "{name}: {rows} rows");
    }
}

#[test]
fn a_white_strip_below_the_frame_changes_no_line() {
    let Some(cases) = octrls_testing::cases("strip") else { return };
    let (plain, strip) = (cases.join("white_strip_reference.png"), cases.join("white_strip_below.png"));
    let out = segmented(&[&plain, &strip]);
    let of = |name: &str| out.path().join(name);
    let rows = distance(&of("white_strip_below.png"), &of("white_strip_reference.png"), 0.0);
    assert!(rows < 0.1, "{rows} rows");
}

#[test]
fn a_macular_hole_and_a_lifted_epithelium_are_found() {
    let Some(cases) = octrls_testing::cases("pathology") else { return };
    let (hole, ped) = (cases.join("macular_hole.png"), cases.join("serous_ped.png"));
    let out = segmented(&[&hole, &ped]);
    for (name, finding) in [("macular_hole.png", "hole"), ("serous_ped.png", "sub_rpe")] {
        let result = result(&out.path().join(name));
        assert!(findings(&result).contains(&finding), "{name}: {:?}", findings(&result));
        assert_eq!(result["bscans"][0]["verdict"], "doubtful", "{name}");
    }
}

#[test]
fn a_viewer_s_exports_give_the_bscan_s_own_lines() {
    let Some(cases) = octrls_testing::cases("exports") else { return };
    let scan = cases.join("heyex_slo_beside_bscan.png");
    let out = segmented(&[&scan]);
    let result = result(&out.path().join("heyex_slo_beside_bscan.png"));
    assert_eq!(result["notes"][0]["note"], "panel_of_picture");
    assert_eq!(result["scan"]["crop"]["left"], 514);
}
