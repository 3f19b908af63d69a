//! Result folders of synthetic scans with fluid.

use std::{fs, ops::ControlFlow, path::Path, sync::LazyLock};

use octrls_core::{layer::Boundary, lesion::Lesion, scan::Place, surface::LesionMask};
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{FLUID, header, segmented};

const BSCANS: usize = 13;

/// The results of a volume that was searched for lesions.
static VOLUME: LazyLock<(tempfile::TempDir, Value)> = LazyLock::new(|| {
    let out = tempfile::tempdir().expect("tempdir");
    let result = written(out.path(), BSCANS, true);
    (out, result)
});

/// Writes the results of a scan of `bscans` B-scans into `out`; returns `result.json`, which follows the published schema.
fn written(out: &Path, bscans: usize, searched: bool) -> Value {
    write(out, (0..bscans).map(|index| segmented(index, searched)).collect(), None, None)
}

pub(super) fn write(
    out: &Path,
    bscans: Vec<SegmentedBScan>,
    fundus: Option<FundusImage>,
    history: Option<&dyn EyeVisits>,
) -> Value {
    let header = header(bscans.len());
    // As a person states it, where the phantom has its fovea.
    let fovea = Place { x: 3.0, y: 1.44 };
    let stated = StatedFacts { centre: history.map(|_| fovea), ..StatedFacts::default() };
    let target = out.join("scan");
    let mut writer = ResultWriter::begin(&Staging::of(out), &target, &header).expect("begin").with_stated(stated);
    if let Some(fundus) = fundus {
        writer = writer.with_fundus(fundus);
    }
    for bscan in bscans {
        let pictures = Pictures::draw(&bscan).expect("pictures");
        writer.add(&bscan, &DeviceFindings::default(), &pictures).expect("add");
    }
    let sha256 = "0".repeat(64);
    let model = ModelRecord { name: "test".to_owned(), version: "1".to_owned(), sha256: sha256.clone() };
    let context = ScanContext {
        scan: &ScanRecord::new("scan".to_owned(), sha256, None, &header),
        model: &model,
        ellipsoid_zone: EzConvention::default(),
        gates: &Gates::default(),
        reference: None,
        history,
        elapsed: Duration::from_secs(1),
    };
    writer.finish(context, &mut || ControlFlow::Continue(())).expect("finish");
    let result: Value = serde_json::from_slice(&fs::read(target.join(RESULT_FILE)).expect("a result")).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/result.schema.json");
    let mut schemas = boon::Schemas::new();
    let index = boon::Compiler::new().compile(&schema.to_string_lossy(), &mut schemas).expect("a schema");
    let fault = schemas.validate(&result, index).err().map(|e| format!("{e:#}"));
    assert_eq!(fault, None);
    result
}

/// Header and rows of a table.
fn table(out: &Path, name: &str) -> (String, Vec<Vec<String>>) {
    let text = fs::read_to_string(out.join("scan").join(name)).expect("a table");
    let mut lines = text.lines();
    let header = lines.next().expect("a header").to_owned();
    (header, lines.map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

fn files(result: &Value) -> Vec<&str> {
    result["files"].as_array().expect("files").iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_table_has_its_columns_in_each_row() {
    let (out, result) = &*VOLUME;
    let ascans = BSCANS * FLUID.width;
    let expected = [
        (
            "boundaries.csv",
            "bscan,ascan,ILM,NFL_GCL,IPL_INL,INL_OPL,OPL_ONL,ONL_EZ,EZ_RPE,RPE_BM,CSB,EZ_END,RPE_OUTER,CSB_kind",
            ascans,
        ),
        ("uncertainty.csv", "bscan,ascan,ILM,NFL_GCL,IPL_INL,INL_OPL,OPL_ONL,ONL_EZ,EZ_RPE,RPE_BM,CSB", ascans),
        (
            "thickness.csv",
            "bscan,ascan,nfl_um,gcl_ipl_um,inl_um,opl_um,onl_um,ez_um,rpe_um,choroid_um,retina_um,confidence",
            ascans,
        ),
        ("etdrs.csv", "layer,subfield,mean_um,coverage,volume_mm3,visible,mark,centre,half_width_um", 81),
        (
            "lesions.csv",
            "bscan,lesion,area_px,area_mm2,area_low_mm2,area_high_mm2,height_um,extent,first_ascan,last_ascan",
            BSCANS,
        ),
        ("lesion_volumes.csv", "lesion,where,volume_nl,low_nl,high_nl,height_um,coverage,mark", 13),
    ];
    for (name, columns, count) in expected {
        let (header, rows) = table(out.path(), name);
        assert_eq!((header.as_str(), rows.len()), (columns, count), "{name}");
        let width = columns.split(',').count();
        assert!(rows.iter().all(|row| row.len() == width), "{name}");
        assert!(files(result).contains(&name), "{name}");
    }
    let listed = files(result).into_iter().filter(|name| name.contains(".csv")).count();
    assert_eq!(listed, expected.len());
}

#[test]
fn every_mean_has_its_uncertainty_beside_it() {
    let (out, result) = &*VOLUME;
    let number = |value: &Value| value.as_f64().unwrap_or(-1.0);
    for layers in [&result["layers"], &result["bscans"][3]["layers"]] {
        let known = layers.as_array().expect("layers").iter().filter(|layer| layer["mean"].is_number());
        // What all A-scans share is 1.5 um.
        assert!(
            known.clone().count() > 7 && known.clone().all(|layer| number(&layer["half_width"]) >= 2.9),
            "{layers}"
        );
    }
    let (bscan, scan) = (&result["bscans"][3]["layers"][8], &result["layers"][8]);
    assert!(number(&scan["half_width"]) <= number(&bscan["half_width"]), "{scan} {bscan}");
    let (_, rows) = table(out.path(), "etdrs.csv");
    for row in rows {
        assert_eq!(row[2].is_empty(), row[8].is_empty(), "{row:?}");
    }
    assert!(number(&result["volume"]["etdrs"][8]["volume_half_width_mm3"]) > 0.0);
}

#[test]
fn boundaries_tell_where_fluid_parts_them_and_what_is_inferred() {
    let out = tempfile::tempdir().expect("tempdir");
    written(out.path(), 1, true);
    let (_, rows) = table(out.path(), "boundaries.csv");
    let number = |x: usize, column: usize| rows[x][column].parse::<f32>().expect("a number");
    let (ez_rpe, rpe_bm) = (2 + Boundary::EzRpe.index(), 2 + Boundary::RpeBm.index());
    let (ez_end, rpe_outer, kind) = (11, 12, 13);
    let middle = usize::midpoint(FLUID.columns.start, FLUID.columns.end);
    assert!((number(middle, ez_rpe) - number(middle, ez_end) - FLUID.top).abs() < 0.1);
    assert_eq!(rows[200][ez_end], rows[200][ez_rpe]);
    assert_eq!(rows[middle][rpe_outer], rows[middle][rpe_bm]);
    assert_eq!((rows[10][kind].as_str(), rows[FLUID.width - 10][kind].as_str()), ("visible", "inferred"));
}

#[test]
fn lesions_are_in_their_mask_tables_and_record() {
    let (out, result) = &*VOLUME;
    let mask = image::open(out.path().join("scan/lesions-006.png")).expect("a mask").into_luma8();
    assert_eq!((mask.width() as usize, mask.height() as usize), (FLUID.width, FLUID.height));
    let pixels = mask.pixels().filter(|pixel| pixel.0[0] == Lesion::Srf.class()).count();
    let (_, rows) = table(out.path(), "lesions.csv");
    let row = &rows[6];
    assert_eq!((row[0].as_str(), row[1].as_str(), row[2].as_str()), ("6", "srf", pixels.to_string().as_str()));
    let ascans = [&row[8], &row[9]].map(|cell| cell.parse::<usize>().expect("an A-scan"));
    assert!(FLUID.columns.contains(&ascans[0]) && FLUID.columns.contains(&ascans[1]) && ascans[1] - ascans[0] > 50);

    assert_eq!(result["schema"], RESULT_SCHEMA);
    let srf = &result["bscans"][6]["lesions"][0];
    assert_eq!((&srf["lesion"], srf["area_px"].as_f64()), (&"srf".into(), Some(pixels as f64)));
    let finding = json!({
        "finding": "lesion", "of": "srf", "words": "subretinal fluid", "first_ascan": ascans[0], "last_ascan": ascans[1]
    });
    assert_eq!(result["bscans"][6]["findings"], json!([finding]));
    let everywhere: Vec<usize> = (0..BSCANS).collect();
    assert_eq!((&result["findings"][0]["of"], &result["findings"][0]["bscans"]), (&"srf".into(), &json!(everywhere)));
    let area = |v: &Value| v["area_mm2"].as_f64().expect("an area");
    let sum: f64 = (0..BSCANS).map(|i| area(&result["bscans"][i]["lesions"][0])).sum();
    assert!((area(&result["lesions"][0]) - sum).abs() < 1e-9);

    let (_, volumes) = table(out.path(), "lesion_volumes.csv");
    let places: Vec<&str> = volumes.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(places, ["C", "S1", "N1", "I1", "T1", "S2", "N2", "I2", "T2", "1mm", "3mm", "5mm", "6mm"]);
    let whole = result["volume"]["lesions"][0]["circles"][3]["volume_nl"].as_f64().expect("a volume");
    assert!(whole > 1.0 && volumes[12][2] == format!("{whole:.4}"));
}

#[test]
fn the_choroid_s_figures_say_the_visible_share() {
    let (out, result) = &*VOLUME;
    let half = |value: &Value| value.as_f64().is_some_and(|share| (share - 0.5).abs() < 0.02);
    assert!(half(&result["choroid_visible"]) && half(&result["quality"]["choroid_visible"]));
    assert!(half(&result["bscans"][3]["choroid_visible"]));
    let (_, rows) = table(out.path(), "etdrs.csv");
    for row in &rows {
        let sparse = row[3].parse::<f32>().expect("a share") < 0.5;
        assert_eq!(row[5].is_empty(), row[0] != "choroid" || sparse, "{row:?}");
        assert_eq!((row[2].is_empty(), row[4].is_empty()), (sparse, sparse), "{row:?}");
    }
}

#[test]
fn a_model_without_lesions_leaves_nulls_and_no_files() {
    let out = tempfile::tempdir().expect("tempdir");
    let result = written(out.path(), 3, false);
    let nulls = [&result["lesions"], &result["bscans"][0]["lesions"], &result["volume"]["lesions"]];
    assert!(nulls.iter().all(|value| value.is_null()));
    assert_eq!(result["findings"], json!([]));
    assert!(files(&result).iter().all(|name| !name.contains("lesion")));
}

#[test]
fn a_single_bscan_has_one_mask_of_lesions() {
    let out = tempfile::tempdir().expect("tempdir");
    let result = written(out.path(), 1, true);
    assert!(files(&result).contains(&"lesions.png") && files(&result).contains(&"lesions.csv"));
    assert!(result["volume"].is_null() && !files(&result).contains(&"lesion_volumes.csv"));
}

#[test]
fn the_fundus_moves_to_a_page_of_its_own_if_the_first_has_no_room() {
    let fundus = || FundusImage { width: 2, height: 2, pixels: vec![90; 4], pixel_mm: None, lines: Vec::new() };
    let pages = |bscan: SegmentedBScan| {
        let out = tempfile::tempdir().expect("tempdir");
        write(out.path(), vec![bscan], Some(fundus()), None);
        let pdf = fs::read(out.path().join("scan/report.pdf")).expect("a report");
        pdf.windows(11).filter(|bytes| bytes == b"/Type/Page/").count()
    };
    let mut crowded = segmented(0, true);
    // A stripe of each lesion.
    let stripe = |i: usize| (1 + i % FLUID.width / 20) as u8;
    let classes = (0..FLUID.width * FLUID.height).map(|i| if i % FLUID.width < 100 { stripe(i) } else { 0 }).collect();
    crowded.lesions = LesionMask::new(FLUID.width, classes);
    assert_eq!((pages(segmented(0, false)), pages(crowded)), (1, 2));
}

#[test]
fn the_report_shows_the_bscan_with_the_largest_lesions() {
    let shown = |with: usize| {
        let out = tempfile::tempdir().expect("tempdir");
        let header = header(3);
        let mut writer =
            ResultWriter::begin(&Staging::of(out.path()), &out.path().join("scan"), &header).expect("begin");
        for index in 0..3 {
            let mut bscan = segmented(index, index == with);
            let empty = LesionMask::new(FLUID.width, vec![0; FLUID.width * FLUID.height]);
            bscan.lesions = bscan.lesions.or(empty);
            let pictures = Pictures::draw(&bscan).expect("pictures");
            writer.add(&bscan, &DeviceFindings::default(), &pictures).expect("add");
        }
        writer.shown.map(|shown| shown.bscan.index)
    };
    assert_eq!((shown(0), shown(2), shown(9)), (Some(0), Some(2), Some(1)));
}
