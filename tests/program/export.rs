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
