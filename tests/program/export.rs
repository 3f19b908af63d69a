//! Exports results as one Parquet file, reads it back and compares it with their tables.

use std::fs;

use crate::support::{columns, octrls};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, RowAccessor},
};

#[test]
fn the_export_holds_every_ascan_of_every_result() {
    let temp = tempfile::tempdir().unwrap();
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    octrls().args(["phantom", "--count", "2"]).arg(&scans).assert().success();
    // The second scan has no spacing, hence no micrometres.
    fs::remove_file(scans.join("phantom-000002.png.toml")).unwrap();
    octrls().args(["segment", "--model", "edge"]).arg(&scans).arg("--out").arg(&out).assert().success();
    let file = temp.path().join("all.parquet");
    let export = || octrls().arg("export").arg("--parquet").arg(&file).arg(&out).assert();
    export().success();

    let reader = SerializedFileReader::new(fs::File::open(&file).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let names: Vec<String> = rows[0].get_column_iter().map(|(name, _)| name.clone()).collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    assert_eq!(rows.len(), 2 * 768);
    for (scan, own) in rows.chunks(768).zip(["phantom-000001.png", "phantom-000002.png"]) {
        let (boundaries, thickness) =
            (columns(&out.join(own).join("boundaries.csv")), columns(&out.join(own).join("thickness.csv")));
        for (i, row) in scan.iter().enumerate() {
            assert_eq!(row.get_string(at("scan")).unwrap(), own);
            assert_eq!((row.get_int(at("bscan")).unwrap(), row.get_int(at("ascan")).unwrap()), (0, i as i32));
            let value = |name: &str| row.get_float(at(name)).ok();
            assert_eq!(value("ONL_EZ"), boundaries["ONL_EZ"][i]);
            assert_eq!(value("RPE_OUTER"), boundaries["RPE_OUTER"][i]);
            let kind = row.get_string(at("CSB_kind")).ok();
            assert_eq!(kind.is_some(), boundaries["CSB"][i].is_some());
            assert!(kind.is_none_or(|kind| ["visible", "inferred"].contains(&kind.as_str())));
            assert_eq!(value("confidence"), thickness["confidence"][i]);
            let expected = thickness.get("retina_um").and_then(|column| column[i]);
            assert_eq!(value("retina_um"), expected, "null without a spacing");
        }
    }
    assert_eq!(rows[0].get_string(at("eye")).unwrap(), "OD");
    let absent = rows[800].get_column_iter().nth(at("eye")).map(|(_, field)| field.clone());
    assert_eq!(absent, Some(Field::Null));

    fs::write(out.join("phantom-000001.png/thickness.csv"), "bscan,ascan\n0,0\n").unwrap();
    let broken = export().code(1).get_output().stderr.clone();
    assert!(String::from_utf8_lossy(&broken).contains("E-EXPORT-RESULT"));
}

/// Header and rows of a CSV file.
fn table(file: &std::path::Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (header, rows)
}

#[test]
fn a_row_for_each_eye_and_a_dictionary_of_the_columns() {
    let temp = tempfile::tempdir().unwrap();
    let (scans, out) = (temp.path().join("in"), temp.path().join("out"));
    octrls().args(["phantom", "--count", "2"]).arg(&scans).assert().success();
    // The second scan has no spacing, hence no micrometres.
    fs::remove_file(scans.join("phantom-000002.png.toml")).unwrap();
    octrls().args(["segment", "--model", "edge"]).arg(&scans).arg("--out").arg(&out).assert().success();
    let (eyes, dictionary) = (temp.path().join("eyes.csv"), temp.path().join("dictionary.csv"));
    let export = || {
        let mut command = octrls();
        command.arg("export").arg("--csv").arg(&eyes).arg("--dictionary").arg(&dictionary);
        command
    };
    export().arg(&out).assert().success().stdout("exported 2 scans\n");

    let (header, rows) = table(&eyes);
    let at = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}"));
    let (names, lines) = table(&dictionary);
    assert_eq!(names.len(), 18);
    assert!(lines.iter().map(|line| &line[0]).eq(&header), "a line for each column");
    assert!(!header.iter().any(|name| ["patient_id", "scan_path"].contains(&name.as_str())));
    for own in ["phantom-000001.png", "phantom-000002.png"] {
        let result: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join(own).join("result.json")).unwrap()).unwrap();
        let id = &result["scan"]["sha256"].as_str().unwrap()[..16];
        let row = rows.iter().find(|row| row[at("record_id")] == id).expect("the scan");
        assert_eq!(row[at("verdict")], result["verdict"].as_str().unwrap());
        assert_eq!(row[at("eye")], result["scan"]["eye"].as_str().unwrap_or_default());
        let mean = result["layers"][8]["mean"].as_f64().unwrap();
        let is_in_um = result["unit"] == "um";
        assert_eq!(row[at("retina_mean_um")], if is_in_um { format!("{mean:.2}") } else { String::new() });
        assert!(row[at("cst_um")].is_empty(), "one B-scan has no subfields");
    }

    // A result that was replaced is read again; a broken one is named and left out.
    fs::write(out.join("phantom-000001.png/result.json"), r#"{"schema": "octrls.result/2"}"#).unwrap();
    let broken = export().arg(&out).assert().code(1).get_output().stderr.clone();
    assert!(String::from_utf8_lossy(&broken).contains("E-EXPORT-RESULT"));
    assert_eq!(table(&eyes).1.len(), 1);
    octrls().args(["export", "--follow", "--json", "-"]).arg(&out).assert().failure();
}

#[test]
fn following_an_empty_folder_waits_for_results() {
    let temp = tempfile::tempdir().unwrap();
    let (scans, out, eyes) = (temp.path().join("in"), temp.path().join("out"), temp.path().join("eyes.csv"));
    fs::create_dir(&out).unwrap();
    let program = assert_cmd::cargo::cargo_bin("octrls");
    let mut follower =
        std::process::Command::new(program).args(["export", "--follow", "--csv"]).arg(&eyes).arg(&out).spawn().unwrap();
    let until = |rows: usize| {
        let end = std::time::Instant::now() + std::time::Duration::from_mins(2);
        while !eyes.is_file() || table(&eyes).1.len() != rows {
            assert!(std::time::Instant::now() < end, "{rows} rows");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    };
    until(0);
    octrls().args(["phantom", "--count", "1"]).arg(&scans).assert().success();
    octrls().args(["segment", "--model", "edge"]).arg(&scans).arg("--out").arg(&out).assert().success();
    until(1);
    fs::remove_dir_all(out.join("phantom-000001.png")).unwrap();
    until(0);
    assert!(std::process::Command::new("kill").arg(follower.id().to_string()).status().unwrap().success());
    assert!(follower.wait().unwrap().success());
}
