//! What version 0.1 wrote still works: settings files, and a ledger whose scans are known.

use std::{fs, path::PathBuf};

use crate::support::octrls;

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
