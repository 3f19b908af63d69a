//! What objects repeat of the scan's patient, study, trial and request, and how they state eye, planes and compression.
//! The validators check every variant.

use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, header::HasLength, value::DataSetSequence};
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject, open_file};
use octrls_core::measure::Gates;
use octrls_report::DicomResults;
use tempfile::TempDir;

use super::{
    items, numbers, scan, text, validators,
    written::{record, write},
};

const OBJECTS: [&str; 5] = ["surfaces.dcm", "masks.dcm", "measures.dcm", "report.dcm", "label-map.dcm"];
const IMAGES: [&str; 3] = ["surfaces.dcm", "masks.dcm", "label-map.dcm"];

/// The results of an object: with masks, and with a label map.
struct Variant {
    temp: [TempDir; 2],
}

impl Variant {
    fn of(object: &InMemDicomObject) -> Self {
        let temp = [DicomResults::WithMasks, DicomResults::WithLabelMap].map(|which| {
            let temp = tempfile::tempdir().expect("tempdir");
            write(temp.path(), object, which, &Gates::default());
            temp
        });
        let variant = Self { temp };
        validators::check(&variant.folder(0));
        validators::check_study(&variant.temp[0].path().join("scan.dcm"), &variant.folder(0));
        validators::check_label_map(&variant.path("label-map.dcm"));
        variant
    }

    fn folder(&self, which: usize) -> PathBuf {
        self.temp[which].path().join("out/scan.dcm")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder(usize::from(file == "label-map.dcm")).join(file)
    }

    fn object(&self, file: &str) -> DefaultDicomObject {
        open_file(self.path(file)).expect("a DICOM file")
    }
}

fn string(tag: Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

fn sequence(tag: Tag, item: impl IntoIterator<Item = DataElement<InMemDicomObject>>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![InMemDicomObject::from_element_iter(item)]))
}

fn code(tag: Tag, value: &str, scheme: &str, meaning: &str) -> DataElement<InMemDicomObject> {
    let parts = [
        string(tags::CODE_VALUE, VR::SH, value),
        string(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme),
        string(tags::CODE_MEANING, VR::LO, meaning),
    ];
    sequence(tag, parts)
}

/// The volume with `elements`.
fn with(elements: impl IntoIterator<Item = DataElement<InMemDicomObject>>) -> InMemDicomObject {
    let mut object = scan::volume();
    for element in elements {
        object.put(element);
    }
    object
}

/// The text at `path` below `object`, through the first item of each sequence.
fn at(object: &InMemDicomObject, path: &[Tag]) -> String {
    match path {
        [tag] => text(object, *tag),
        [tag, rest @ ..] => at(&items(object, *tag)[0], rest),
        [] => String::new(),
    }
}

#[test]
fn every_object_states_the_eye() {
    let right = Variant::of(&scan::volume());
    let shared = |object: &InMemDicomObject| {
        at(object, &[tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, tags::FRAME_ANATOMY_SEQUENCE, tags::FRAME_LATERALITY])
    };
    for file in IMAGES {
        let object = right.object(file);
        assert!(object.get(tags::LATERALITY).is_none(), "{file}: only without the two others (PS3.3, C.7.3.1)");
        assert_eq!(text(&object, tags::IMAGE_LATERALITY), "R", "{file}");
        assert_eq!(shared(&object), "R", "{file}");
    }
    assert_eq!(text(&right.object("report.dcm"), tags::IMAGE_LATERALITY), "R");

    let left = Variant::of(&scan::with_eye(Some("L")));
    assert_eq!(text(&left.object("surfaces.dcm"), tags::IMAGE_LATERALITY), "L");
    assert_eq!(shared(&left.object("masks.dcm")), "L");
    assert_eq!(text(&left.object("report.dcm"), tags::IMAGE_LATERALITY), "L");

    let unknown = Variant::of(&scan::with_eye(None));
    for file in IMAGES {
        let object = unknown.object(file);
        assert!(object.get(tags::LATERALITY).is_none(), "{file}");
        assert!(object.get(tags::IMAGE_LATERALITY).is_none(), "{file}");
        let groups = &items(&object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)[0];
        assert!(groups.get(tags::FRAME_ANATOMY_SEQUENCE).is_none(), "{file}");
    }
}

#[test]
fn attributes_of_patient_study_and_trial_are_carried_through() {
    let trial = [
        (tags::CLINICAL_TRIAL_SPONSOR_NAME, VR::LO, "Sponsor"),
        (tags::CLINICAL_TRIAL_PROTOCOL_ID, VR::LO, "PROTOCOL-1"),
        (tags::CLINICAL_TRIAL_SITE_ID, VR::LO, "SITE-9"),
        (tags::CLINICAL_TRIAL_SUBJECT_ID, VR::LO, "S-17"),
        (tags::CLINICAL_TRIAL_TIME_POINT_ID, VR::LO, "WEEK-12"),
        (tags::CLINICAL_TRIAL_TIME_POINT_DESCRIPTION, VR::ST, "Week 12"),
        (tags::CLINICAL_TRIAL_COORDINATING_CENTER_NAME, VR::LO, "Reading Centre"),
        (tags::ISSUER_OF_PATIENT_ID, VR::LO, "CLINIC"),
        (tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
        (tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, "MODIFIED"),
        (tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, "-0500"),
        (tags::ACCESSION_NUMBER, VR::SH, "ACC-5"),
    ];
    let others = [string(tags::PATIENT_ID, VR::LO, "OTHER-2"), string(tags::TYPE_OF_PATIENT_ID, VR::CS, "TEXT")];
    let issuer = [string(tags::LOCAL_NAMESPACE_ENTITY_ID, VR::UT, "RIS")];
    let request = [
        string(tags::REQUESTED_PROCEDURE_ID, VR::SH, "RP-3"),
        string(tags::SCHEDULED_PROCEDURE_STEP_ID, VR::SH, "SPS-4"),
    ];
    let elements = trial.map(|(tag, vr, value)| string(tag, vr, value)).into_iter().chain([
        sequence(tags::OTHER_PATIENT_I_DS_SEQUENCE, others),
        sequence(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE, issuer),
        sequence(tags::REQUEST_ATTRIBUTES_SEQUENCE, request),
        code(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, "113100", "DCM", "Basic Application Confidentiality Profile"),
    ]);
    let variant = Variant::of(&with(elements));
    let created: jiff::Timestamp =
        record(&variant.folder(0))["created"].as_str().expect("a time").parse().expect("a time");
    let offset = jiff::tz::TimeZone::fixed(jiff::tz::offset(-5));
    let local = created.to_zoned(offset).strftime("%Y%m%d%H%M%S").to_string();
    for file in OBJECTS {
        let object = variant.object(file);
        for (tag, _, value) in trial {
            assert_eq!(text(&object, tag), value, "{file} {tag}");
        }
        assert!(object.element(tags::CLINICAL_TRIAL_SITE_NAME).expect("present though empty").is_empty(), "{file}");
        assert_eq!(at(&object, &[tags::OTHER_PATIENT_I_DS_SEQUENCE, tags::PATIENT_ID]), "OTHER-2");
        let issuer = at(&object, &[tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE, tags::LOCAL_NAMESPACE_ENTITY_ID]);
        assert_eq!(issuer, "RIS");
        assert_eq!(at(&object, &[tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, tags::CODE_VALUE]), "113100");
        let requests =
            if file == "measures.dcm" { tags::REFERENCED_REQUEST_SEQUENCE } else { tags::REQUEST_ATTRIBUTES_SEQUENCE };
        assert_eq!(at(&object, &[requests, tags::REQUESTED_PROCEDURE_ID]), "RP-3", "{file}");
        if file != "label-map.dcm" {
            let time = text(&object, tags::CONTENT_DATE) + &text(&object, tags::CONTENT_TIME);
            assert_eq!(time, local, "{file}: in the time zone of the study");
        }
    }
    let request = &items(&variant.object("measures.dcm"), tags::REFERENCED_REQUEST_SEQUENCE)[0].clone();
    assert_eq!(text(request, tags::STUDY_INSTANCE_UID), scan::STUDY);
    assert_eq!(text(request, tags::ACCESSION_NUMBER), "ACC-5");
    assert!(request.element(tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST).expect("present").is_empty());
}

#[test]
fn the_masks_of_a_star_have_the_plane_of_each_bscan() {
    let variant = Variant::of(&scan::star());
    let object = variant.object("masks.dcm");
    let shared = &items(&object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)[0];
    assert!(shared.get(tags::PLANE_ORIENTATION_SEQUENCE).is_none());
    for frame in items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE) {
        let content = &items(frame, tags::FRAME_CONTENT_SEQUENCE)[0];
        let bscan = numbers(content, tags::IN_STACK_POSITION_NUMBER)[0] as usize - 1;
        let plane = |group, tag| numbers(&items(frame, group)[0], tag);
        let (position, directions) = scan::star_plane(bscan);
        assert_eq!(plane(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT), position);
        assert_eq!(plane(tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT), directions);
    }
    assert!(object.get(tags::PATIENT_ORIENTATION).is_none());
}

#[test]
fn images_without_planes_have_an_orientation_though_unknown() {
    let variant = Variant::of(&scan::without_planes());
    for file in IMAGES {
        let object = variant.object(file);
        assert!(object.element(tags::PATIENT_ORIENTATION).expect("present").is_empty(), "{file}");
    }
}

#[test]
fn lossy_compression_is_stated_with_ratio_and_method() {
    let stated = Variant::of(&with([
        string(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01"),
        string(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, "7.5"),
        string(tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, "ISO_15444_1"),
    ]));
    for file in ["masks.dcm", "label-map.dcm"] {
        let object = stated.object(file);
        let found =
            [tags::LOSSY_IMAGE_COMPRESSION, tags::LOSSY_IMAGE_COMPRESSION_RATIO, tags::LOSSY_IMAGE_COMPRESSION_METHOD]
                .map(|tag| text(&object, tag));
        assert_eq!(found, ["01", "7.5", "ISO_15444_1"], "{file}");
    }
    let temp = tempfile::tempdir().expect("tempdir");
    if let Some(jpeg) = as_jpeg(temp.path()) {
        let (folder, ..) = super::written::write_file(temp.path(), &jpeg, DicomResults::WithMasks, &Gates::default());
        let object = open_file(folder.join("masks.dcm")).expect("a DICOM file");
        assert_eq!(text(&object, tags::LOSSY_IMAGE_COMPRESSION), "01", "by the transfer syntax");
        assert_eq!(text(&object, tags::LOSSY_IMAGE_COMPRESSION_METHOD), "ISO_10918_1");
        assert!(numbers(&object, tags::LOSSY_IMAGE_COMPRESSION_RATIO)[0] > 1.5);
        validators::check(&folder);
    }
}

/// The volume as JPEG that does not say that it is lossy.
fn as_jpeg(temp: &Path) -> Option<PathBuf> {
    let (plain, coded, jpeg) = (temp.join("plain.dcm"), temp.join("coded.dcm"), temp.join("scan.dcm"));
    scan::write(&scan::volume(), &plain);
    let Ok(done) = std::process::Command::new("dcmcjpeg").args(["+eb"]).args([&plain, &coded]).status() else {
        crate::support::missing("a lossy scan", "dcmcjpeg");
        return None;
    };
    assert!(done.success());
    let mut object = open_file(&coded).expect("a DICOM file");
    for tag in
        [tags::LOSSY_IMAGE_COMPRESSION, tags::LOSSY_IMAGE_COMPRESSION_RATIO, tags::LOSSY_IMAGE_COMPRESSION_METHOD]
    {
        object.remove_element(tag);
    }
    object.write_to_file(&jpeg).expect("written");
    Some(jpeg)
}
