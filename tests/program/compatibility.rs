//! What version 0.1 wrote still works: settings files, a ledger whose scans are known, and results.

use std::{fs, path::PathBuf};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};

use crate::support::{columns, octrls, result};

fn written_by_0_1(name: &str) -> PathBuf {
    octrls_testing::project().join("tests/program/version_0_1").join(name)
}

#[test]
fn every_setting_is_still_known() {
    octrls().args(["config", "check"]).arg(written_by_0_1("watch.toml")).assert().success();
    octrls().args(["config", "check", "--worker"]).arg(written_by_0_1("worker.toml")).assert().success();
}

/// The fingerprint of model and settings must stay the same, or an update would process every scan again.
#[test]
fn a_scan_in_its_ledger_is_not_processed_again() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    for folder in [&root, &out.join(".octrls"), &out.join("scan.png")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::copy(written_by_0_1("scan.png"), root.join("scan.png")).unwrap();
    fs::copy(written_by_0_1("ledger.sqlite"), out.join(".octrls/ledger.sqlite")).unwrap();
    fs::write(out.join("scan.png/result.json"), "{}").unwrap();
    let mut watch = octrls();
    watch.args(["watch", "--once", "--plain", "--stable", "0.1", "--model", "edge", "--out"]).arg(&out).arg(&root);
    let output = watch.assert().success().get_output().stdout.clone();
    let lines = String::from_utf8(output).unwrap();
    assert!(lines.contains("done=0 known=1 quarantined=0 left=0"), "{lines}");
}

#[test]
fn its_results_follow_the_schema_and_are_exported() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("out/scan.png");
    fs::create_dir_all(&folder).unwrap();
    for file in ["result.json", "boundaries.csv", "thickness.csv"] {
        fs::copy(written_by_0_1("result").join(file), folder.join(file)).unwrap();
    }
    assert_eq!(result(&folder)["schema"], "octrls.result/1");
    let file = dir.path().join("all.parquet");
    octrls().arg("export").arg("--parquet").arg(&file).arg(dir.path().join("out")).assert().success();
    let reader = SerializedFileReader::new(fs::File::open(&file).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let names: Vec<String> = rows[0].get_column_iter().map(|(name, _)| name.clone()).collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    let ilm = &columns(&folder.join("boundaries.csv"))["ILM"];
    assert_eq!(rows.len(), ilm.len());
    for (row, ilm) in rows.iter().zip(ilm) {
        assert_eq!(row.get_float(at("ILM")).ok(), *ilm);
        assert!(row.get_float(at("EZ_END")).is_err() && row.get_string(at("CSB_kind")).is_err(), "null");
    }
}
