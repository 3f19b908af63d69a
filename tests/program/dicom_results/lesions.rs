//! Lesions and findings in DICOM objects, from a volume whose lesions are known.

use std::collections::BTreeMap;

use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject, open_file};
use octrls_core::{layer::LAYERS, lesion::Lesion, measure::FindingKind};
use octrls_report::DicomResults;

use super::{
    items, numbers, scan, text, validators, values,
    written::{CYST, CYST_AT, FLUID_ROWS, results},
};

fn labels_of_segments(object: &DefaultDicomObject) -> Vec<String> {
    items(object, tags::SEGMENT_SEQUENCE).iter().map(|s| text(s, tags::SEGMENT_LABEL)).collect()
}

/// The texts about findings in a report.
fn finding_texts(object: &InMemDicomObject) -> Vec<String> {
    let mut found = Vec::new();
    let children = object.get(tags::CONTENT_SEQUENCE).map(|_| items(object, tags::CONTENT_SEQUENCE));
    for item in children.unwrap_or_default() {
        let is_text = text(item, tags::VALUE_TYPE) == "TEXT";
        let name = |item| text(&items(item, tags::CONCEPT_NAME_CODE_SEQUENCE)[0], tags::CODE_MEANING);
        if is_text && name(item) == "Finding" {
            found.push(text(item, tags::TEXT_VALUE));
        }
        found.extend(finding_texts(item));
    }
    found
}

#[test]
fn masks_hold_every_lesion_and_name_those_that_are_absent() {
    let results = results(&scan::volume(), DicomResults::WithMasks);
    validators::check(&results.folder);
    let object = open_file(results.folder.join("masks.dcm")).expect("a DICOM file");
    let names = labels_of_segments(&object);
    assert_eq!(names[LAYERS..], Lesion::ALL.map(Lesion::name));
    assert_eq!(text(&object, tags::SEGMENTS_OVERLAP), "YES", "the cyst lies in a layer");
    let bytes = object.element(tags::PIXEL_DATA).expect("pixels").to_bytes().expect("bytes").into_owned();
    let size = scan::WIDTH * scan::HEIGHT;
    let mut frames = BTreeMap::new();
    for (i, frame) in items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).iter().enumerate() {
        let segment = &items(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE)[0];
        let segment: u8 = text(segment, tags::REFERENCED_SEGMENT_NUMBER).parse().expect("a number");
        let position = numbers(&items(frame, tags::FRAME_CONTENT_SEQUENCE)[0], tags::IN_STACK_POSITION_NUMBER)[0];
        let bscan = position as usize - 1;
        let of = if segment > LAYERS as u8 { &results.labels[bscan] } else { &results.masks[bscan] };
        let bit = |k: usize| bytes[(i * size + k) / 8] >> ((i * size + k) % 8) & 1 == 1;
        assert!((0..size).all(|k| bit(k) == (of[k] == segment)), "segment {segment} of B-scan {bscan}");
        frames.entry(segment).or_insert_with(Vec::new).push(bscan);
    }
    let number = |lesion: Lesion| LAYERS as u8 + lesion.class();
    assert_eq!(frames[&number(Lesion::Irf)], [CYST_AT]);
    assert_eq!(frames[&number(Lesion::Srf)], [0, 1, 2]);
    assert!(!frames.contains_key(&number(Lesion::Hole)));
}

#[test]
fn a_label_map_puts_lesions_over_layers() {
    let results = results(&scan::volume(), DicomResults::WithLabelMap);
    let file = results.folder.join("label-map.dcm");
    validators::check_label_map(&file);
    let object = open_file(&file).expect("a DICOM file");
    let bytes = object.element(tags::PIXEL_DATA).expect("pixels").to_bytes().expect("bytes").into_owned();
    assert!(bytes == results.labels.concat());
    assert_eq!(labels_of_segments(&object).len(), 1 + LAYERS + Lesion::ALL.len());
    assert_eq!(text(&object, tags::SEGMENTS_OVERLAP), "NO");
}

#[test]
fn measures_hold_volumes_areas_heights_and_findings() {
    let results = results(&scan::volume(), DicomResults::Standard);
    let object = open_file(results.folder.join("measures.dcm")).expect("a DICOM file");
    let mut found = BTreeMap::new();
    values(&object, "", &mut found);
    let height = FLUID_ROWS as f64 * 1000.0 * scan::AXIAL_MM;
    let close = |name: &str, expected: f64, tolerance: f64| {
        let value = found.get(name).unwrap_or_else(|| panic!("{name} in {:?}", found.keys()));
        assert!((value / expected - 1.0).abs() < tolerance, "{name}: {value} for {expected}");
    };
    let circle = std::f64::consts::PI * 0.25;
    close("Subretinal fluid/Volume within 1 mm diameter around the centre/", height * circle, 0.01);
    close("Subretinal fluid/Height along an A-scan/Maximum", height, 0.001);
    let cyst = (CYST.0.len() * CYST.1.len()) as f64 * scan::AXIAL_MM * scan::LATERAL_MM;
    close("Intraretinal fluid/Area in the B-scan that shows most of it/Maximum", cyst, 0.01);
    close("Choroid/Share of A-scans with a visible end of the choroid/", 50.0, 0.2);
    assert!(!found.keys().any(|name| name.contains("within 6 mm")), "three B-scans do not cover it");
    assert!(!found.keys().any(|name| name.starts_with("Macular hole")));

    let texts = finding_texts(&object);
    assert_eq!(texts[0], "intraretinal fluid, B-scan 2 of 3; to be read by a clinician");
    assert_eq!(texts[1], "subretinal fluid, B-scans 1-3 of 3; to be read by a clinician");
    let kinds = &results.summary.findings;
    assert_eq!(kinds[..2], [Lesion::Irf, Lesion::Srf].map(FindingKind::Lesion));
    assert_eq!(texts.len(), kinds.len());
    let [irf, srf] = &results.summary.lesions[..] else { panic!("two lesions: {:?}", results.summary.lesions) };
    assert_eq!((irf.lesion, irf.bscans, srf.lesion, srf.bscans), (Lesion::Irf, 1, Lesion::Srf, 3));
    let volume = srf.volume.expect("1 mm is covered");
    assert!((volume.diameter_mm - 1.0).abs() < 1e-9 && (volume.nl / (height * circle) - 1.0).abs() < 0.01);
}

#[test]
fn a_single_bscan_has_areas_and_no_volumes() {
    let results = results(&scan::bscan(), DicomResults::WithMasks);
    validators::check(&results.folder);
    let object = open_file(results.folder.join("measures.dcm")).expect("a DICOM file");
    let mut found = BTreeMap::new();
    values(&object, "", &mut found);
    assert!(found.contains_key("Subretinal fluid/Area in the B-scan that shows most of it/Maximum"));
    assert!(!found.keys().any(|name| name.contains("Volume within")));
    assert_eq!(finding_texts(&object)[0], "subretinal fluid; to be read by a clinician");
}
