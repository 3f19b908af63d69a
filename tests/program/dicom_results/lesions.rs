//! Lesions and findings in DICOM objects, from a volume whose lesions are known.

use std::{collections::BTreeMap, ops::ControlFlow, path::PathBuf, time::Duration};

use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject, open_file};
use octrls_core::{
    layer::{Boundary, EzConvention, LAYERS},
    lesion::Lesion,
    measure::{FindingKind, Gates, Quality, Signal, Thicknesses},
    network::{Network, ShippedModel},
    phantom::{Phantom, PhantomOptions},
    scan::ScanHeader,
    segment::SegmentedBScan,
    surface::LesionMask,
};
use octrls_readers::{OpenedScan, ReadOptions, ScanFiles};
use octrls_report::{
    DeviceFindings, DicomResults, ModelRecord, Pictures, ResultWriter, ScanContext, ScanRecord, ScanSummary, Staging,
};
use tempfile::TempDir;

use super::{items, numbers, scan, text, validators, values};

/// Rows of subretinal fluid in every A-scan.
const FLUID_ROWS: usize = 8;
/// The cyst: A-scans, and rows below the end of the OPL.
const CYST: (std::ops::Range<usize>, std::ops::Range<usize>) = (300..340, 2..12);
/// The B-scan with the cyst.
const CYST_AT: usize = 1;

struct Results {
    _temp: TempDir,
    folder: PathBuf,
    summary: ScanSummary,
    /// Segment number of every pixel by B-scan: layer, or the lesion within it.
    labels: Vec<Vec<u8>>,
    masks: Vec<Vec<u8>>,
}

/// A B-scan with fluid above the RPE everywhere, and a cyst if it is the one at [`CYST_AT`]. The end of the choroid is
/// visible in the first half of its A-scans.
fn bscan(index: usize, header: &ScanHeader) -> SegmentedBScan {
    let phantom = Phantom::generate(&PhantomOptions::default(), index as u64 + 1);
    let (width, height) = (phantom.bscan.width, phantom.bscan.height);
    let rpe_outer = phantom.surfaces.rpe_outer().to_vec();
    let rows = phantom.surfaces.rows(Boundary::EzRpe);
    let roof = rows.iter().map(|row| row.map(|row| row - FLUID_ROWS as f32)).collect();
    let surfaces = phantom.surfaces.clone().with_fluid(roof, rpe_outer);
    let surfaces = surfaces.with_choroid_visible((0..width).map(|x| x < width / 2).collect());
    let from = |boundary: Boundary, x: usize| surfaces.rows(boundary)[x].map(|row| row.round() as usize);
    let class = |i: usize| {
        let (x, y) = (i % width, i / width);
        let rpe = from(Boundary::EzRpe, x);
        let opl = from(Boundary::OplOnl, x).filter(|_| index == CYST_AT && CYST.0.contains(&x));
        if rpe.is_some_and(|rpe| (rpe - FLUID_ROWS..rpe).contains(&y)) {
            Lesion::Srf.class()
        } else if opl.is_some_and(|opl| y >= opl && CYST.1.contains(&(y - opl))) {
            Lesion::Irf.class()
        } else {
            0
        }
    };
    SegmentedBScan {
        no_retina: None,
        index,
        quality: Quality::of(&phantom.bscan, &surfaces),
        signal: Signal::of(&phantom.bscan, &surfaces),
        thicknesses: Thicknesses::measure(&surfaces, header.axial),
        lesions: LesionMask::new(width, (0..width * height).map(class).collect()),
        surfaces,
        bscan: phantom.bscan,
        network_time: Duration::ZERO,
        surface_time: Duration::ZERO,
    }
}

fn results(object: &InMemDicomObject, which: DicomResults) -> Results {
    let temp = tempfile::tempdir().expect("tempdir");
    let (file, out) = (temp.path().join("scan.dcm"), temp.path().join("out"));
    scan::write(object, &file);
    std::fs::create_dir(&out).expect("a folder");
    let opened = OpenedScan::open(&ScanFiles::one(&file)).expect("a scan");
    let reader = opened.reader(ReadOptions::default()).expect("a scan");
    let header = reader.header().clone();
    let folder = out.join("scan.dcm");
    let writer = ResultWriter::begin(&Staging::of(&out), &folder, &header).expect("a folder");
    let mut writer = writer.with_dicom(reader.dicom_origin().expect("a study").clone(), which);
    let (mut labels, mut masks) = (Vec::new(), Vec::new());
    for index in 0..header.bscans {
        let bscan = bscan(index, &header);
        let lesions = bscan.lesions.as_ref().expect("lesions").classes();
        let label = |(&layer, &lesion): (&u8, &u8)| if lesion > 0 { LAYERS as u8 + lesion } else { layer };
        masks.push(bscan.surfaces.mask());
        labels.push(bscan.surfaces.mask().iter().zip(lesions).map(label).collect());
        writer.add(&bscan, &DeviceFindings::default(), &Pictures::draw(&bscan).expect("pictures")).expect("written");
    }
    let network = Network::shipped(ShippedModel::Edge).expect("a model");
    let context = ScanContext {
        scan: &ScanRecord::new("scan.dcm".to_owned(), "0".repeat(64), None, &header),
        model: &ModelRecord::new(&network),
        ellipsoid_zone: EzConvention::default(),
        gates: &Gates::default(),
        reference: None,
        history: None,
        elapsed: Duration::from_secs(1),
    };
    let summary = writer.finish(context, &mut || ControlFlow::Continue(())).expect("results");
    Results { _temp: temp, folder, summary, labels, masks }
}

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
