//! Results of a DICOM scan as DICOM objects: reads them back, compares them with the other results, and runs the
//! validators of dicom3tools and dcmtk if installed.

mod attributes;
mod lesions;
pub(crate) mod scan;
mod validators;
mod versions;
mod written;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crate::support::{columns, octrls, result as json};
use dicom_core::{Tag, header::HasLength};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, InMemDicomObject, open_file};
use tempfile::TempDir;

const OBJECTS: [&str; 4] = ["surfaces.dcm", "masks.dcm", "measures.dcm", "report.dcm"];
const BOUNDARIES: [&str; 9] = ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM", "CSB"];

/// A volume and its results, shared by all tests.
static RESULTS: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let temp = tempfile::tempdir().expect("tempdir");
    let results = segment(temp.path(), &scan::volume());
    (temp, results)
});

/// Segments `object` as a file in `folder`; returns the folder of its results.
fn segment(folder: &Path, object: &InMemDicomObject) -> PathBuf {
    segment_with(folder, object, "with-masks")
}

fn segment_with(folder: &Path, object: &InMemDicomObject, which: &str) -> PathBuf {
    let file = folder.join("scan.dcm");
    scan::write(object, &file);
    let out = folder.join("out");
    octrls().arg("segment").arg(&file).arg("--out").arg(&out).args(["--dicom", which]).assert().success();
    out.join("scan.dcm")
}

fn results() -> &'static Path {
    &RESULTS.1
}

fn object(name: &str) -> DefaultDicomObject {
    open_file(results().join(name)).expect("a DICOM file")
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).expect("an element").to_str().expect("text").trim_end_matches(['\0', ' ']).to_owned()
}

fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element(tag).expect("a sequence").items().expect("items")
}

fn numbers(object: &InMemDicomObject, tag: Tag) -> Vec<f64> {
    object.element(tag).expect("an element").to_multi_float64().expect("numbers")
}

#[test]
fn every_object_belongs_to_the_patient_and_study_of_the_scan() {
    let record = json(results());
    let listed = record["dicom"]["objects"].as_array().expect("objects");
    assert_eq!(listed.len(), OBJECTS.len());
    for name in OBJECTS {
        let object = object(name);
        let own = listed.iter().find(|o| o["file"] == name).expect("listed");
        assert_eq!(own["sop_instance_uid"], text(&object, tags::SOP_INSTANCE_UID).as_str());
        assert_eq!(own["sop_class_uid"], text(&object, tags::SOP_CLASS_UID).as_str());
        assert_eq!(text(&object, tags::PATIENT_NAME), "Müller^Änne", "{name}");
        assert_eq!(text(&object, tags::PATIENT_ID), "P-1");
        assert_eq!(text(&object, tags::STUDY_INSTANCE_UID), scan::STUDY);
        assert_eq!(text(&object, tags::STUDY_DATE), "20260102");
        assert!(object.element(tags::ACCESSION_NUMBER).expect("present though empty").is_empty());
        assert_ne!(text(&object, tags::SERIES_INSTANCE_UID), scan::SERIES);
    }
}

#[test]
fn identifiers_depend_on_the_scan_alone() {
    let uids = |folder: &Path| -> Vec<String> {
        let record = json(folder);
        let objects = record["dicom"]["objects"].as_array().expect("objects").clone();
        objects.iter().map(|o| o["sop_instance_uid"].as_str().expect("a uid").to_owned()).collect()
    };
    let one_frame = scan::bscan();
    let (first, again) = (tempfile::tempdir().expect("tempdir"), tempfile::tempdir().expect("tempdir"));
    let first = uids(&segment(first.path(), &one_frame));
    assert_eq!(first, uids(&segment(again.path(), &one_frame)));
    assert!(first.iter().all(|uid| !uids(results()).contains(uid)));
}

#[test]
fn surfaces_dcm_equals_boundaries_csv() {
    let object = object("surfaces.dcm");
    let shape = [tags::NUMBER_OF_FRAMES, tags::ROWS, tags::COLUMNS].map(|tag| text(&object, tag));
    assert_eq!(shape, ["9".to_owned(), scan::FRAMES.to_string(), scan::WIDTH.to_string()]);
    let pixels = object.element(tags::FLOAT_PIXEL_DATA).expect("pixels").to_multi_float32().expect("floats");
    let table = columns(&results().join("boundaries.csv"));
    let bscans = scan::FRAMES * scan::WIDTH;
    for (frame, boundary) in pixels.chunks(bscans).zip(BOUNDARIES) {
        for (found, expected) in frame.iter().zip(&table[boundary]) {
            assert!((found - expected.unwrap_or(-1.0)).abs() < 6e-3, "{boundary}: {found} {expected:?}");
        }
    }
    assert!(pixels.iter().filter(|&&row| row > 0.0).count() > bscans);

    let shared = &items(&object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)[0];
    let group = |tag| &items(shared, tag)[0];
    let spacing = numbers(group(tags::PIXEL_MEASURES_SEQUENCE), tags::PIXEL_SPACING);
    assert!((spacing[0] - scan::BSCAN_DISTANCE_MM).abs() < 1e-6 && (spacing[1] - scan::LATERAL_MM).abs() < 1e-6);
    let orientation = numbers(group(tags::PLANE_ORIENTATION_SEQUENCE), tags::IMAGE_ORIENTATION_PATIENT);
    assert_eq!(orientation, [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
    let depth = group(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE);
    assert!((numbers(depth, tags::REAL_WORLD_VALUE_SLOPE)[0] - scan::AXIAL_MM).abs() < 1e-9);
    let source = &items(group(tags::DERIVATION_IMAGE_SEQUENCE), tags::SOURCE_IMAGE_SEQUENCE)[0];
    assert_eq!(text(source, tags::REFERENCED_SOP_INSTANCE_UID), scan::INSTANCE);
    assert_eq!(text(&object, tags::FRAME_OF_REFERENCE_UID), scan::FRAME_OF_REFERENCE);
}

#[test]
fn masks_dcm_equals_the_mask_images() {
    let object = object("masks.dcm");
    let bytes = object.element(tags::PIXEL_DATA).expect("pixels").to_bytes().expect("bytes").into_owned();
    let masks: Vec<Vec<u8>> = (0..scan::FRAMES)
        .map(|i| image::open(results().join(format!("mask-{i:03}.png"))).expect("mask").into_luma8().into_raw())
        .collect();
    let frames = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    assert!(frames.len() >= 7 * scan::FRAMES);
    let size = scan::WIDTH * scan::HEIGHT;
    assert_eq!(bytes.len(), (frames.len() * size).div_ceil(8).next_multiple_of(2));
    for (i, frame) in frames.iter().enumerate() {
        let segment = text(&items(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE)[0], tags::REFERENCED_SEGMENT_NUMBER);
        let source = &items(&items(frame, tags::DERIVATION_IMAGE_SEQUENCE)[0], tags::SOURCE_IMAGE_SEQUENCE)[0];
        let bscan: usize = text(source, tags::REFERENCED_FRAME_NUMBER).parse().expect("a number");
        let class: u8 = segment.parse().expect("a number");
        let bit = |k: usize| bytes[(i * size + k) / 8] >> ((i * size + k) % 8) & 1 == 1;
        assert!((0..size).all(|k| bit(k) == (masks[bscan - 1][k] == class)), "segment {class} of B-scan {bscan}");
    }
}

#[test]
fn the_label_map_equals_the_mask_and_describes_every_number() {
    let temp = tempfile::tempdir().expect("tempdir");
    let folder = segment_with(temp.path(), &scan::bscan(), "with-label-map");
    let _valid = json(&folder);
    assert!(!folder.join("masks.dcm").exists());
    let file = folder.join("label-map.dcm");
    let object = open_file(&file).expect("a DICOM file");
    assert_eq!(text(&object, tags::SOP_CLASS_UID), uids::LABEL_MAP_SEGMENTATION_STORAGE);
    assert_eq!(text(&object, tags::SEGMENTATION_TYPE), "LABELMAP");
    let bytes = object.element(tags::PIXEL_DATA).expect("pixels").to_bytes().expect("bytes").into_owned();
    let mask = image::open(folder.join("mask.png")).expect("mask").into_luma8().into_raw();
    assert_eq!(bytes, mask);
    let numbers: Vec<u8> = items(&object, tags::SEGMENT_SEQUENCE)
        .iter()
        .map(|s| text(s, tags::SEGMENT_NUMBER).parse().expect("a number"))
        .collect();
    // Background, the layers and the lesions.
    assert_eq!(numbers, (0..=13).collect::<Vec<u8>>());
    let meaning = |o: &InMemDicomObject, tag| text(&items(o, tag)[0], tags::CODE_MEANING);
    let background = &items(&object, tags::SEGMENT_SEQUENCE)[0];
    assert_eq!(meaning(background, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE), "Background");
    assert_eq!(text(&object, tags::PIXEL_PADDING_VALUE), "0");
    let frame = &items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)[0];
    assert!(frame.get(tags::SEGMENT_IDENTIFICATION_SEQUENCE).is_none());
    validators::check_label_map(&file);
    let refused = octrls_readers::open(&file, octrls_readers::ReadOptions::default()).err();
    assert_eq!(refused.map(|e| e.code()), Some(octrls_core::ErrorCode::ReadUnsupported));
}

/// Every measured value of a report, by its path of code meanings.
fn values(item: &InMemDicomObject, path: &str, found: &mut BTreeMap<String, f64>) {
    let meaning = |o: &InMemDicomObject, tag| text(&items(o, tag)[0], tags::CODE_MEANING);
    let children = item.get(tags::CONTENT_SEQUENCE).map(|_| items(item, tags::CONTENT_SEQUENCE)).unwrap_or_default();
    let code = |name: &str| {
        let of = children
            .iter()
            .find(|c| text(c, tags::VALUE_TYPE) == "CODE" && meaning(c, tags::CONCEPT_NAME_CODE_SEQUENCE) == name);
        of.map(|c| meaning(c, tags::CONCEPT_CODE_SEQUENCE))
    };
    let mut path = path.to_owned();
    if let Some(finding) = code("Finding") {
        path = finding;
    }
    if text(item, tags::VALUE_TYPE) == "NUM" {
        let name = meaning(item, tags::CONCEPT_NAME_CODE_SEQUENCE);
        let how = code("Derivation").unwrap_or_default();
        let value = numbers(&items(item, tags::MEASURED_VALUE_SEQUENCE)[0], tags::NUMERIC_VALUE)[0];
        found.insert(format!("{path}/{name}/{how}"), value);
    }
    for child in children {
        values(child, &path, found);
    }
}

#[test]
fn measures_dcm_holds_the_values_of_the_result() {
    let object = object("measures.dcm");
    let mut found = BTreeMap::new();
    values(&object, "", &mut found);
    let record = json(results());
    let layers = record["layers"].as_array().expect("layers");
    let of = |key: &str| layers.iter().find(|l| l["layer"] == key).expect("the layer");
    for (name, key) in [("Structure of nerve fiber layer of retina", "nfl"), ("Retina", "retina"), ("INL", "inl")] {
        let name = if key == "inl" { "Inner nuclear layer" } else { name };
        for (how, figure) in [("Mean", "mean"), ("Standard Deviation", "sd"), ("Maximum", "max")] {
            let value = found[&format!("{name}/Thickness over the whole scan/{how}")];
            let expected = of(key)[figure].as_f64().expect("known");
            assert!((value - expected).abs() < 0.006, "{name} {how}: {value} {expected}");
        }
    }
    // The three B-scans show no rim of a fovea, so the grid is that of another place.
    assert_eq!(record["volume"]["centre"]["from"], "scan_middle");
    assert!(!found.keys().any(|name| name.contains("Macular grid")), "{found:?}");
}

#[test]
fn measures_dcm_holds_the_subfields_about_a_stated_fovea() {
    let temp = tempfile::tempdir().expect("tempdir");
    let place = &json(results())["volume"]["centre"]["place"];
    let sidecar = format!("centre_x_mm = {}\ncentre_y_mm = {}\n", place["x"], place["y"]);
    fs::write(temp.path().join("scan.dcm.toml"), sidecar).expect("a sidecar");
    let folder = segment(temp.path(), &scan::volume());
    let object = open_file(folder.join("measures.dcm")).expect("a DICOM file");
    let mut found = BTreeMap::new();
    values(&object, "", &mut found);
    let record = json(&folder);
    assert_eq!(record["volume"]["centre"]["from"], "stated");
    let grid = &record["volume"]["etdrs"].as_array().expect("grids");
    let retina = grid.iter().find(|g| g["layer"] == "retina").expect("the retina");
    let centre = retina["subfields"][0]["mean_um"].as_f64().expect("known");
    let reported = found["Retina/Macular grid.center subfield thickness by OCT/Mean"];
    assert!((reported - centre).abs() < 0.006, "{reported} {centre}");
    // The three B-scans do not cover it.
    assert!(!found.keys().any(|name| name.contains("outer superior")));
}

#[test]
fn dicom_results_are_not_read_as_scans() {
    for name in OBJECTS {
        let refused = octrls_readers::open(&results().join(name), octrls_readers::ReadOptions::default()).err();
        assert_eq!(refused.map(|e| e.code()), Some(octrls_core::ErrorCode::ReadUnsupported), "{name}");
    }
}

#[test]
fn report_dcm_holds_report_pdf() {
    let object = object("report.dcm");
    let pdf = fs::read(results().join("report.pdf")).expect("report.pdf");
    let bytes = object.element(tags::ENCAPSULATED_DOCUMENT).expect("document").to_bytes().expect("bytes").into_owned();
    assert_eq!(bytes[..pdf.len()], pdf);
    assert!(bytes.len() - pdf.len() < 2);
    assert_eq!(object.element(tags::ENCAPSULATED_DOCUMENT).expect("document").length().0 as usize, bytes.len());
}

#[test]
fn a_scan_without_a_study_gets_no_objects_and_a_reason() {
    let temp = tempfile::tempdir().expect("tempdir");
    let mut scan = scan::bscan();
    scan.remove_element(tags::STUDY_INSTANCE_UID);
    let folder = segment(temp.path(), &scan);
    let record = json(&folder);
    assert_eq!(record["dicom"]["objects"], serde_json::json!([]));
    assert!(record["dicom"]["left_out"][0].as_str().expect("a reason").contains("study"));
    assert!(OBJECTS.iter().all(|name| !folder.join(name).exists()));
}

#[test]
fn dicom_none_writes_no_objects() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (file, out) = (temp.path().join("scan.dcm"), temp.path().join("out"));
    scan::write(&scan::bscan(), &file);
    octrls().arg("segment").arg(&file).arg("--out").arg(&out).args(["--dicom", "none"]).assert().success();
    let names = fs::read_dir(out.join("scan.dcm")).expect("the folder").map(|e| e.expect("an entry").path());
    assert!(names.into_iter().all(|path| path.extension().is_none_or(|e| e != "dcm")));
}

#[test]
fn a_series_of_objects_gives_the_volume_and_names_each_source() {
    let temp = tempfile::tempdir().expect("tempdir");
    let (folder, out) = (temp.path().join("export"), temp.path().join("out"));
    fs::create_dir(&folder).expect("a folder");
    for (i, object) in scan::series().iter().enumerate() {
        scan::write(object, &folder.join(format!("IM{}.dcm", scan::FRAMES - i)));
    }
    octrls().arg("segment").arg(&folder).arg("--out").arg(&out).args(["--dicom", "with-masks"]).assert().success();
    let names: Vec<_> = fs::read_dir(&out).expect("the folder").map(|e| e.expect("an entry").file_name()).collect();
    assert!(names.iter().filter(|n| !n.to_string_lossy().starts_with('.')).eq(["IM1.dcm"]), "{names:?}");

    let series = out.join("IM1.dcm");
    for file in ["boundaries.csv", "thickness.csv", "uncertainty.csv"] {
        assert_eq!(fs::read(series.join(file)).expect(file), fs::read(results().join(file)).expect(file), "{file}");
    }
    let (series_record, volume_record) = (json(&series), json(results()));
    assert_eq!(series_record["scan"]["format"], "DICOM OPT series");
    for part in ["layers", "volume", "verdict"] {
        assert_eq!(series_record[part], volume_record[part], "{part}");
    }
    let open = |name: &str| open_file(series.join(name)).expect("a DICOM file");
    let uids = |items: &[InMemDicomObject]| -> Vec<String> {
        items.iter().map(|item| text(item, tags::REFERENCED_SOP_INSTANCE_UID)).collect()
    };
    let all: Vec<String> = (0..scan::FRAMES).map(scan::instance_uid).collect();
    let surfaces = open("surfaces.dcm");
    let referenced = &items(&surfaces, tags::REFERENCED_SERIES_SEQUENCE)[0];
    assert_eq!(text(referenced, tags::SERIES_INSTANCE_UID), scan::SERIES);
    assert_eq!(uids(items(referenced, tags::REFERENCED_INSTANCE_SEQUENCE)), all);
    let sources = |group: &InMemDicomObject| {
        let derived = &items(group, tags::DERIVATION_IMAGE_SEQUENCE)[0];
        let sources = items(derived, tags::SOURCE_IMAGE_SEQUENCE);
        assert!(sources.iter().all(|source| source.get(tags::REFERENCED_FRAME_NUMBER).is_none()));
        uids(sources)
    };
    assert_eq!(sources(&items(&surfaces, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)[0]), all);
    let pixels = |file: &DefaultDicomObject| {
        file.element(tags::FLOAT_PIXEL_DATA).expect("rows").to_multi_float32().expect("rows")
    };
    assert_eq!(pixels(&surfaces), pixels(&object("surfaces.dcm")));
    let masks = open("masks.dcm");
    for group in items(&masks, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE) {
        let content = &items(group, tags::FRAME_CONTENT_SEQUENCE)[0];
        let position: usize = numbers(content, tags::IN_STACK_POSITION_NUMBER)[0] as usize;
        assert_eq!(sources(group), [scan::instance_uid(position - 1)]);
    }
    let measures = open("measures.dcm");
    let study = &items(&measures, tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE)[0];
    let evidence = &items(study, tags::REFERENCED_SERIES_SEQUENCE)[0];
    assert_eq!(uids(items(evidence, tags::REFERENCED_SOP_SEQUENCE)), all);
    assert_eq!(uids(items(&open("report.dcm"), tags::SOURCE_INSTANCE_SEQUENCE)), all);
    validators::check(&series);
}

#[test]
fn validators_find_no_errors() {
    let record = json(results());
    assert_eq!(record["dicom"]["left_out"], serde_json::json!([]));
    validators::check(results());
    assert_eq!(text(&object("surfaces.dcm"), tags::SOP_CLASS_UID), uids::HEIGHT_MAP_SEGMENTATION_STORAGE);
}

#[test]
fn an_export_identifies_patients_only_if_asked() {
    let temp = tempfile::tempdir().expect("tempdir");
    let file = temp.path().join("eyes.csv");
    let exported = |identify: &[&str]| {
        octrls().args(["export", "--csv"]).arg(&file).args(identify).arg(results()).assert().success();
        fs::read_to_string(&file).expect("a table")
    };
    let anonymous = exported(&[]);
    assert!(!anonymous.contains("P-1") && !anonymous.contains("scan.dcm"), "{anonymous}");
    let mut reader = csv::Reader::from_reader(std::io::Cursor::new(exported(&["--identify"])));
    let header = reader.headers().expect("a header").clone();
    let row = reader.records().next().expect("a row").expect("a row");
    let value = |name: &str| &row[header.iter().position(|column| column == name).expect("the column")];
    assert_eq!((value("patient_id"), value("eye"), value("visit_date")), ("P-1", "OD", "2026-01-02"));
    let record = json(results());
    let centre = record["volume"]["etdrs"].as_array().expect("grids").iter().find(|g| g["layer"] == "retina");
    let centre = &centre.expect("the retina")["subfields"][0];
    let has_fovea = record["volume"]["centre"]["from"] != "scan_middle";
    let is_covered = centre["coverage"].as_f64().is_some_and(|coverage| coverage >= 0.5);
    let expected = centre["mean_um"].as_f64().filter(|_| has_fovea && is_covered).map(|um| format!("{um:.2}"));
    assert_eq!(value("cst_um"), expected.unwrap_or_default());
    assert_eq!(value("centre_from"), record["volume"]["centre"]["from"].as_str().expect("a source"));
}

#[test]
fn a_fhir_bundle_has_a_report_and_its_observations() {
    let temp = tempfile::tempdir().expect("tempdir");
    let file = temp.path().join("bundle.json");
    let exported = |identify: &[&str]| -> serde_json::Value {
        octrls().args(["export", "--fhir"]).arg(&file).args(identify).arg(results()).assert().success();
        serde_json::from_slice(&fs::read(&file).expect("a bundle")).expect("JSON")
    };
    let bundle = exported(&["--identify"]);
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&"Bundle".into(), &"collection".into()));
    let entries = bundle["entry"].as_array().expect("entries");
    let names: std::collections::HashSet<&str> = entries.iter().filter_map(|entry| entry["fullUrl"].as_str()).collect();
    assert_eq!(names.len(), entries.len(), "each has a name of its own");
    let resources: Vec<&serde_json::Value> = entries.iter().map(|entry| &entry["resource"]).collect();
    let [report, observations @ ..] = &resources[..] else { panic!("a report") };
    assert_eq!(report["resourceType"], "DiagnosticReport");
    assert_eq!(report["subject"]["identifier"]["value"], "P-1");
    let listed = report["result"].as_array().expect("observations");
    assert_eq!(listed.len(), observations.len());
    assert!(listed.iter().all(|one| names.contains(one["reference"].as_str().expect("a reference"))));
    for observation in observations {
        assert_eq!(
            (&observation["resourceType"], &observation["status"]),
            (&"Observation".into(), &"preliminary".into())
        );
        assert_eq!(observation["effectiveDateTime"], "2026-01-02", "a local time has no zone");
        assert_eq!(observation["bodySite"]["coding"][0]["code"], "18944008", "the right eye");
        let quantity = &observation["valueQuantity"];
        let unit = quantity["code"].as_str().expect("a unit");
        assert!(quantity["value"].is_number() && ["um", "mm2", "mm3"].contains(&unit));
    }
    let record = json(results());
    let mean = |key: &str| {
        let layers = record["layers"].as_array().expect("layers");
        layers.iter().find(|layer| layer["layer"] == key).and_then(|layer| layer["mean"].as_f64()).expect("a mean")
    };
    let inl = observations.iter().find(|o| o["code"]["text"] == "INL, mean thickness over the scan").expect("the INL");
    assert!((inl["valueQuantity"]["value"].as_f64().expect("a number") - mean("inl")).abs() < 0.006);
    // The published JSON schema of FHIR R4 is not part of the project.
    if let Some(schema) = std::env::var_os("OCTRLS_FHIR_SCHEMA") {
        let mut schemas = boon::Schemas::new();
        let index = boon::Compiler::new().compile(&schema.to_string_lossy(), &mut schemas).expect("a schema");
        let fault = schemas.validate(&bundle, index).err().map(|e| format!("{e:#}"));
        assert_eq!(fault, None);
    }
    assert!(!exported(&[]).to_string().contains("P-1"));
}
