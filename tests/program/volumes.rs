//! A file with several series, on the command line.

use std::fs;

use octrls_testing::e2e::{self, IMAGE};

use crate::support::octrls;

#[test]
fn each_series_gets_its_own_result_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut chunks = [e2e::series(1, b'R', 2), e2e::series(2, b'L', 1), e2e::series(3, b'L', 2)].concat();
    // The last B-scan of the third series is compressed.
    let last = chunks.iter_mut().rfind(|c| c.2 == IMAGE).unwrap();
    last.3[4..8].copy_from_slice(&0x0201_0101_u32.to_le_bytes());
    let scan = folder.path().join("both.E2E");
    fs::write(&scan, e2e::file(&chunks)).unwrap();
    let out = folder.path().join("out");
    let segment = |more: &[&str]| {
        let mut command = octrls();
        command.args(["segment", "--model", "edge", "--out"]).arg(&out).arg(&scan).args(more);
        String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
    };
    segment(&[]);
    let read = |path: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(out.join(path)).unwrap()).unwrap()
    };
    let list = read("both.E2E/result.json");
    assert_eq!(list["schema"], "octrls.series/1");
    let of = |i: usize| list["series"][i].clone();
    assert_eq!((&of(0)["folder"], &of(0)["eye"], &of(0)["bscans"]), (&"series-1".into(), &"OD".into(), &2.into()));
    assert_eq!((&of(1)["folder"], &of(1)["eye"], &of(1)["bscans"]), (&"series-2".into(), &"OS".into(), &1.into()));
    assert_eq!((&of(2)["folder"], &of(2)["code"]), (&serde_json::Value::Null, &"E-READ-UNSUPPORTED".into()));
    assert_eq!(read("both.E2E/series-2/result.json")["scan"]["series"], 2);
    assert_eq!(read("both.E2E/series-1/result.json")["scan"]["sha256"], list["sha256"]);

    // Results of one chosen series replace those of all.
    segment(&["--series", "2"]);
    assert_eq!(read("both.E2E/result.json")["scan"]["series"], 2);
    assert!(!out.join("both.E2E/series-1").exists());
}
