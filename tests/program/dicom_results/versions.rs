//! New versions of DICOM objects: identifiers follow the content, and a new version names the one it replaces.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};
use dicom_object::open_file;
use octrls_core::measure::Gates;
use octrls_report::DicomResults;
use serde_json::Value;

use super::{
    items, scan, text, validators,
    written::{record, write},
};

const FILES: [&str; 4] = ["surfaces.dcm", "masks.dcm", "measures.dcm", "report.dcm"];

/// Gates that flag the scan as too dark, which the report shows.
fn strict() -> Gates {
    Gates { snr_db: 99.0, ..Gates::default() }
}

fn described<'a>(record: &'a Value, file: &str) -> &'a Value {
    let objects = record["dicom"]["objects"].as_array().expect("objects");
    objects.iter().find(|object| object["file"] == file).expect("the object")
}

fn uid(record: &Value, file: &str) -> String {
    described(record, file)["sop_instance_uid"].as_str().expect("a uid").to_owned()
}

fn made(temp: &Path, object: &dicom_object::InMemDicomObject, gates: &Gates) -> Value {
    let (folder, ..) = write(temp, object, DicomResults::WithMasks, gates);
    validators::check(&folder);
    record(&folder)
}

#[test]
fn a_result_that_is_made_again_has_the_same_objects() {
    let temp = tempfile::tempdir().expect("tempdir");
    let first = made(temp.path(), &scan::volume(), &Gates::default());
    // The report states its time of creation by the minute, the objects by the second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = made(temp.path(), &scan::volume(), &Gates::default());
    assert_ne!(first["created"], again["created"]);
    assert_eq!(first["dicom"], again["dicom"]);
    for file in FILES {
        assert_eq!(described(&first, file)["replaces"], Value::Null, "{file}");
    }
}

#[test]
fn what_changes_is_a_new_version_that_names_its_predecessor() {
    let temp = tempfile::tempdir().expect("tempdir");
    let folder = temp.path().join("out/scan.dcm");
    let first = made(temp.path(), &scan::volume(), &Gates::default());
    let second = made(temp.path(), &scan::volume(), &strict());
    assert_eq!(uid(&first, "surfaces.dcm"), uid(&second, "surfaces.dcm"), "gates change no line");
    assert_eq!(uid(&first, "masks.dcm"), uid(&second, "masks.dcm"));
    assert_ne!(uid(&first, "report.dcm"), uid(&second, "report.dcm"), "the report shows the flag");

    let report = open_file(folder.join("report.dcm")).expect("a DICOM file");
    assert_eq!(text(&report, tags::SOP_INSTANCE_UID), uid(&second, "report.dcm"));
    let study = &items(&report, tags::PREDECESSOR_DOCUMENTS_SEQUENCE)[0];
    assert_eq!(text(study, tags::STUDY_INSTANCE_UID), scan::STUDY);
    let series = &items(study, tags::REFERENCED_SERIES_SEQUENCE)[0];
    assert_eq!(text(series, tags::SERIES_INSTANCE_UID), text(&report, tags::SERIES_INSTANCE_UID));
    let instance = &items(series, tags::REFERENCED_SOP_SEQUENCE)[0];
    assert_eq!(text(instance, tags::REFERENCED_SOP_INSTANCE_UID), uid(&first, "report.dcm"));
    assert_eq!(text(instance, tags::REFERENCED_SOP_CLASS_UID), uids::ENCAPSULATED_PDF_STORAGE);

    let third = made(temp.path(), &scan::volume(), &strict());
    assert_eq!(second["dicom"], third["dicom"], "the same version still names its predecessor");
    let fourth = made(temp.path(), &scan::volume(), &Gates::default());
    assert_ne!(uid(&fourth, "report.dcm"), uid(&first, "report.dcm"), "an archive shows the last version");
    assert_eq!(described(&fourth, "report.dcm")["replaces"]["sop_instance_uid"], uid(&second, "report.dcm").as_str());
}

#[test]
fn images_name_the_version_that_they_replace_too() {
    let temp = tempfile::tempdir().expect("tempdir");
    let first = made(temp.path(), &scan::volume(), &Gates::default());
    let mut corrected = scan::volume();
    // The patient's sex was corrected: the same instance, other attributes.
    corrected.put(dicom_core::DataElement::new(
        tags::PATIENT_SEX,
        dicom_core::VR::CS,
        dicom_core::PrimitiveValue::from("M"),
    ));
    let second = made(temp.path(), &corrected, &Gates::default());
    for file in FILES {
        assert_ne!(uid(&first, file), uid(&second, file), "{file}");
        assert_eq!(described(&second, file)["replaces"]["sop_instance_uid"], uid(&first, file).as_str(), "{file}");
    }
    let masks = open_file(temp.path().join("out/scan.dcm/masks.dcm")).expect("a DICOM file");
    let replaced = &items(&masks, tags::REFERENCED_INSTANCE_SEQUENCE)[0];
    assert_eq!(text(replaced, tags::REFERENCED_SOP_INSTANCE_UID), uid(&first, "masks.dcm"));
    let purpose = &items(replaced, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE)[0];
    assert_eq!(text(purpose, tags::CODE_VALUE), "REPLACED");
}

#[test]
fn another_scan_under_the_same_name_replaces_nothing() {
    let temp = tempfile::tempdir().expect("tempdir");
    made(temp.path(), &scan::volume(), &Gates::default());
    let mut other = scan::volume();
    other.put(dicom_core::DataElement::new(
        tags::SOP_INSTANCE_UID,
        dicom_core::VR::UI,
        dicom_core::PrimitiveValue::from("1.2.826.0.1.3680043.8.498.99"),
    ));
    let second = made(temp.path(), &other, &Gates::default());
    assert!(FILES.iter().all(|file| described(&second, file)["replaces"].is_null()));
}
