//! Series of single-frame DICOM objects, written by the tests.

use std::path::PathBuf;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use octrls_core::scan::{BScanPosition, Eye, Pattern, Place};
use octrls_readers as scan;
use octrls_readers::{OpenedScan, ReadError, ReadOptions, ScanFiles, ScanReader};
use proptest::prelude::*;

use super::{
    Folder,
    dicom::{FRAME, Object, floats, item, located, sequence, string, tomography, word},
};

/// Millimetres from B-scan to B-scan.
const BETWEEN: f64 = 0.25;

/// Instance `number` of the series 1.2.3, at its position from the top, uniformly grey.
pub(super) fn instance(number: u8) -> Object {
    placed(number, &[-2.0, 0.0, 1.0 - BETWEEN * f64::from(number)])
}

fn placed(number: u8, position: &[f64]) -> Object {
    let place = item([floats(tags::IMAGE_POSITION_PATIENT, position)]);
    let own = item([sequence(tags::PLANE_POSITION_SEQUENCE, vec![place])]);
    tomography(1)
        .with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"))
        .with(string(tags::STUDY_INSTANCE_UID, VR::UI, "1.2"))
        .with(string(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}")))
        .with(numbered(number))
        .with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![own]))
        .native(vec![10 * number; FRAME])
}

fn numbered(number: u8) -> DataElement<dicom_object::InMemDicomObject> {
    string(tags::INSTANCE_NUMBER, VR::IS, &number.to_string())
}

fn nothing(tag: Tag, vr: VR) -> DataElement<dicom_object::InMemDicomObject> {
    DataElement::empty(tag, vr)
}

/// The only scan in a folder of these objects, named `b<n>.dcm` in order.
pub(super) fn write_series(folder: &Folder, objects: impl IntoIterator<Item = Object>) -> ScanFiles {
    let file = |(n, object): (usize, Object)| folder.file(&format!("b{n}.dcm"), &object.bytes());
    let files: Vec<PathBuf> = objects.into_iter().enumerate().map(file).collect();
    let mut scans = scan::group_scans(files.iter().rev().cloned());
    assert_eq!(scans.len(), 1, "{scans:?}");
    scans.remove(0)
}

fn open(objects: impl IntoIterator<Item = Object>) -> Result<(Folder, Box<dyn ScanReader>), ReadError> {
    let folder = Folder::new();
    let files = write_series(&folder, objects);
    let reader = OpenedScan::open(&files).and_then(|scan| scan.reader(ReadOptions::default()))?;
    Ok((folder, reader))
}

/// The greys of a scan's B-scans.
fn greys(reader: &mut dyn ScanReader) -> Vec<u8> {
    let count = reader.header().bscans;
    let grey = |i| (255.0 * reader.bscan(i).unwrap().intensity[0]).round() as u8;
    (0..count).map(grey).collect()
}

fn order(objects: impl IntoIterator<Item = Object>) -> Vec<u8> {
    let (_folder, mut reader) = open(objects).unwrap();
    greys(reader.as_mut())
}

/// Reads every B-scan.
fn all(reader: &mut dyn ScanReader) -> Result<(), ReadError> {
    (0..reader.header().bscans).collect::<Vec<_>>().into_iter().try_for_each(|i| reader.bscan(i).map(drop))
}

/// Code and message of the error.
fn error_of(objects: impl IntoIterator<Item = Object>) -> (&'static str, String) {
    let read = || {
        let (folder, mut reader) = open(objects)?;
        all(reader.as_mut())?;
        Ok::<_, ReadError>(folder)
    };
    let error = read().err().expect("a refusal");
    (error.code().as_str(), error.to_string())
}

#[test]
fn instances_form_a_volume_in_number_order() {
    let (_folder, mut reader) = open([3, 1, 2].map(instance)).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.format.as_ref(), header.bscans, header.eye), ("DICOM OPT series", 3, Some(Eye::Right)));
    assert_eq!((header.width, header.height, header.pattern), (8, 6, Pattern::RasterVolume));
    assert!((header.axial.unwrap().um - 3.9).abs() < 1e-9 && (header.lateral.unwrap().um - 11.7).abs() < 1e-9);
    assert_eq!(greys(reader.as_mut()), [10, 20, 30]);
    let lines = header.tracks.iter().map(|t| match t {
        BScanPosition::Line { start, .. } => *start,
        BScanPosition::Circle { .. } => panic!("no line"),
    });
    let starts: Vec<Place> = lines.collect();
    assert!(starts.windows(2).all(|pair| (pair[0].distance(pair[1]) - BETWEEN).abs() < 1e-9), "{starts:?}");
    let origin = reader.dicom_origin().unwrap();
    assert_eq!(origin.reference.as_ref().unwrap().instances, ["1.2.3.1", "1.2.3.2", "1.2.3.3"]);
    let places: Vec<f64> = origin.planes.as_ref().unwrap().frames.iter().map(|f| f.position[2]).collect();
    assert_eq!(places, [0.75, 0.5, 0.25]);
    assert!(matches!(reader.bscan(3), Err(ReadError::NoSuchBScan { index: 3, count: 3 })));
}

#[test]
fn positions_take_precedence_over_numbers() {
    let z = |number: u8, z: f64| placed(number, &[-2.0, 0.0, z]);
    // Acquired in two passes, each over every other line.
    assert_eq!(order([z(1, 1.0), z(2, 0.5), z(3, 0.75), z(4, 0.25)]), [10, 30, 20, 40]);
    assert_eq!(order([z(1, 0.25), z(2, 0.75), z(3, 0.5)]), [10, 30, 20], "from below, where the first lies");
    let unnumbered = |number: u8, z: f64| placed(number, &[-2.0, 0.0, z]).with(nothing(tags::INSTANCE_NUMBER, VR::IS));
    assert_eq!(order([unnumbered(1, 0.25), unnumbered(2, 0.75), unnumbered(3, 0.5)]), [20, 30, 10], "from above");
    // Repeated scans at one position.
    assert_eq!(order([z(2, 0.5), z(3, 0.5), z(1, 0.5)]), [10, 20, 30]);
    // With a position in the stack alone.
    let stacked = |number: u8, at: u32| {
        let position = DataElement::new(tags::IN_STACK_POSITION_NUMBER, VR::UL, PrimitiveValue::from(at));
        let own = item([sequence(tags::FRAME_CONTENT_SEQUENCE, vec![item([position])])]);
        instance(number)
            .with(nothing(tags::INSTANCE_NUMBER, VR::IS))
            .with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![own]))
    };
    assert_eq!(order([stacked(1, 3), stacked(2, 1), stacked(3, 2)]), [20, 30, 10]);
}

#[test]
fn planes_of_single_images_are_read() {
    let flat = |number: u8| {
        instance(number)
            .with(string(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE))
            .with(nothing(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ))
            .with(nothing(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ))
            .with(floats(tags::IMAGE_POSITION_PATIENT, &[-2.0, 0.0, 1.0 - BETWEEN * f64::from(number)]))
            .with(floats(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
            .with(floats(tags::PIXEL_SPACING, &[0.0039, 0.0117]))
    };
    let (_folder, reader) = open([flat(1), flat(2)]).unwrap();
    let header = reader.header();
    assert_eq!(
        (header.format.as_ref(), header.pattern, header.tracks.len()),
        ("DICOM series", Pattern::RasterVolume, 2)
    );
    assert!((header.axial.unwrap().um - 3.9).abs() < 1e-9 && (header.lateral.unwrap().um - 11.7).abs() < 1e-9);
}

#[test]
fn frame_locations_on_a_fundus_image_are_positions() {
    let line = |number: u8| {
        let row = 10.0 - 2.0 * f32::from(number);
        located(&[vec![row, 20.0, row, 24.0]], "LINEAR")
            .with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"))
            .with(string(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}")))
            .with(numbered(number))
    };
    let (folder, mut reader) = open([line(2), line(1), line(3)]).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.pattern, header.tracks.len()), (Pattern::RasterVolume, 3));
    let photograph = tomography(1)
        .with(string(tags::SOP_INSTANCE_UID, VR::UI, "1.2.99"))
        .with(string(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_PHOTOGRAPHY8_BIT_IMAGE_STORAGE))
        .native((0..FRAME as u8).collect());
    folder.file("photograph.dcm", &photograph.bytes());
    let fundus = reader.fundus().unwrap().expect("the photograph");
    assert_eq!(fundus.lines, [8.0, 6.0, 4.0].map(|row| vec![[20.0, row], [24.0, row]]));
}

#[test]
fn only_single_frames_of_one_series_and_folder_are_grouped() {
    let folder = Folder::new();
    let other = |number| instance(number).with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.4"));
    let screenshot =
        |number| instance(number).with(string(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE));
    let unidentified = |number| instance(number).with(nothing(tags::SERIES_INSTANCE_UID, VR::UI));
    let volume = tomography(2).with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3")).native(vec![7; 2 * FRAME]);
    let mut cut = instance(9).bytes();
    cut.truncate(400);
    let files = [
        ("1.dcm", instance(1).bytes()),
        ("10.DICOM", instance(2).bytes()),
        ("2.dcm", other(1).bytes()),
        ("3.dcm", other(2).bytes()),
        ("4.dcm", instance(3).bytes()),
        ("alone.dcm", instance(1).with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.5")).bytes()),
        ("cut.dcm", cut),
        ("nobody1.dcm", unidentified(1).bytes()),
        ("nobody2.dcm", unidentified(2).bytes()),
        ("picture.png", instance(4).bytes()),
        ("screen1.dcm", screenshot(1).bytes()),
        ("screen2.dcm", screenshot(2).bytes()),
        ("volume.dcm", volume.bytes()),
    ];
    let mut paths: Vec<PathBuf> = files.iter().map(|(name, bytes)| folder.file(name, bytes)).collect();
    std::fs::create_dir(folder.0.path().join("sub")).unwrap();
    paths.push(folder.file("sub/5.dcm", &instance(5).bytes()));
    let name = |path: &PathBuf| path.strip_prefix(folder.0.path()).unwrap().display().to_string();
    let list = |files: &ScanFiles| match files.instances() {
        [] => name(&files.path().to_owned()),
        instances => instances.iter().map(name).collect::<Vec<_>>().join(" "),
    };
    let mut scans: Vec<String> = scan::group_scans(paths).iter().map(list).collect();
    scans.sort();
    assert_eq!(
        scans,
        [
            "1.dcm 4.dcm 10.DICOM",
            "2.dcm 3.dcm",
            "alone.dcm",
            "cut.dcm",
            "nobody1.dcm",
            "nobody2.dcm",
            "picture.png",
            "screen1.dcm",
            "screen2.dcm",
            "sub/5.dcm",
            "volume.dcm"
        ]
    );
    let series_of = |name: &str| list(&scan::series_of(&folder.0.path().join(name)).unwrap());
    assert_eq!((series_of("4.dcm").as_str(), series_of("volume.dcm").as_str()), ("1.dcm 4.dcm 10.DICOM", "volume.dcm"));
}

#[test]
fn folder_is_a_series_whatever_its_file_names() {
    let folder = Folder::new();
    for number in [2, 1] {
        folder.file(&format!("IM{number}"), &instance(number).bytes());
    }
    folder.file("notes.txt", b"x");
    let mut reader = scan::open(folder.0.path(), ReadOptions::default()).unwrap();
    assert_eq!(greys(reader.as_mut()), [10, 20]);
    assert_eq!(ScanFiles::one(folder.0.path()).contents().unwrap().len(), 2);
    folder.file("IM3", &instance(3).with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.4")).bytes());
    let error = scan::open(folder.0.path(), ReadOptions::default()).err().expect("a refusal");
    assert_eq!(error.code().as_str(), "E-READ-SERIES", "{error}");
}

#[test]
fn contradicting_instances_are_named_in_the_error() {
    let with = |element| [instance(1), instance(2).with(element), instance(3)];
    let high = instance(2).with(word(tags::ROWS, 12)).native(vec![7; 2 * FRAME]);
    let eye = item([sequence(tags::FRAME_ANATOMY_SEQUENCE, vec![item([string(tags::FRAME_LATERALITY, VR::CS, "L")])])]);
    let spacing = sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![item([floats(tags::PIXEL_SPACING, &[0.0039, 0.02])])]);
    let cases = [
        ("b0.dcm and b1.dcm both have Instance Number 1", with(numbered(1))),
        ("b0.dcm and b1.dcm have the same SOP Instance UID", with(string(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.1"))),
        ("different sizes, 8 x 6 and 8 x 12", [instance(1), high, instance(3)]),
        ("b0.dcm and b1.dcm are of different patients", with(string(tags::PATIENT_ID, VR::LO, "SECRET"))),
        ("different patients or studies", with(string(tags::STUDY_INSTANCE_UID, VR::UI, "1.9"))),
        ("different frames of reference", with(string(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.9"))),
        ("same eye", with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![eye]))),
        ("different spacings", with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![item([spacing])]))),
        ("only one of them states its position", with(nothing(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ))),
    ];
    for (words, objects) in cases {
        let (code, reason) = error_of(objects);
        assert!(code == "E-READ-SERIES" && reason.contains(words), "{words}: {code} {reason}");
        assert!(!reason.contains("SECRET"), "{reason}");
    }
    // Neither numbers nor positions.
    let lost = |number: u8| {
        instance(number)
            .with(nothing(tags::INSTANCE_NUMBER, VR::IS))
            .with(nothing(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ))
    };
    let (code, reason) = error_of([lost(1), lost(2)]);
    assert!(code == "E-READ-SERIES" && reason.contains("the order of its instances"), "{reason}");
    // One instance is broken.
    let short = instance(2).native(vec![7; FRAME - 2]);
    let (code, reason) = error_of([instance(1), short, instance(3)]);
    assert!(code == "E-READ-TRUNCATED" && reason.contains("b1.dcm"), "{code} {reason}");
}

#[test]
fn series_without_positions_uses_numbers_and_sidecar() {
    let objects = [3, 1, 2].map(|n| instance(n).with(nothing(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ)));
    let (_folder, mut reader) = open(objects).unwrap();
    assert_eq!((reader.header().pattern, reader.header().tracks.len()), (Pattern::Unknown, 0));
    assert_eq!(greys(reader.as_mut()), [10, 20, 30]);
    // A sidecar states the positions.
    let folder = Folder::new();
    let files = write_series(
        &folder,
        [1, 2].map(|n| instance(n).with(nothing(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ))),
    );
    folder.file("b0.dcm.toml", b"between_um = 240.0\nfirst_bscan = \"superior\"");
    let reader = OpenedScan::open(&files).and_then(|scan| scan.reader(ReadOptions::default())).unwrap();
    assert_eq!((reader.header().pattern, reader.header().tracks.len()), (Pattern::RasterVolume, 2));
}

#[test]
fn instance_changed_after_opening_is_an_error() {
    let (folder, mut reader) = open([1, 2].map(instance)).unwrap();
    let grown = instance(2).with(word(tags::ROWS, 12)).native(vec![7; 2 * FRAME]);
    folder.file("b1.dcm", &grown.bytes());
    assert_eq!(reader.bscan(1).err().map(|e| e.code().as_str()), Some("E-READ-SERIES"));
    let short = instance(2).with(word(tags::ROWS, 12));
    folder.file("b1.dcm", &short.bytes());
    assert_eq!(reader.bscan(1).err().map(|e| e.code().as_str()), Some("E-READ-TRUNCATED"));
    std::fs::remove_file(folder.0.path().join("b1.dcm")).unwrap();
    assert_eq!(reader.bscan(1).err().map(|e| e.code().as_str()), Some("E-READ-IO"));
}

#[test]
fn broken_instance_remains_in_its_series() {
    let folder = Folder::new();
    let mut broken = instance(2).bytes();
    let samples = broken.windows(6).position(|w| w == [0x28, 0, 2, 0, b'U', b'S']).unwrap();
    broken[samples + 4..samples + 6].copy_from_slice(b"UL");
    let files = [("b0.dcm", instance(1).bytes()), ("b1.dcm", broken), ("b2.dcm", instance(3).bytes())];
    let scans = scan::group_scans(files.map(|(name, bytes)| folder.file(name, &bytes)));
    assert_eq!(scans.iter().map(|s| s.instances().len()).collect::<Vec<_>>(), [3]);
    let error = OpenedScan::open(&scans[0]).and_then(|scan| scan.reader(ReadOptions::default())).err().unwrap();
    assert_eq!(error.code().as_str(), "E-READ-MALFORMED");
    assert!(error.to_string().contains("b1.dcm"), "{error}");
}

#[test]
fn folder_is_one_volume_whatever_series_is_chosen() {
    let options = ReadOptions { series: Some(2), ..ReadOptions::default() };
    let (folder, _) = open([1, 2].map(instance)).unwrap();
    assert_eq!(greys(scan::open(folder.0.path(), options).unwrap().as_mut()), [10, 20]);
    let files = write_series(&folder, [1, 2].map(instance));
    let error = OpenedScan::open(&files).and_then(|scan| scan.reader(options)).err().unwrap();
    assert_eq!(error.code().as_str(), "E-READ-NO-SERIES", "files are chosen one by one");
}

#[test]
fn too_many_instances_are_rejected_before_reading() {
    let files = (0..5000).map(|n| PathBuf::from(format!("/nowhere/{n}.dcm"))).collect();
    let files = ScanFiles::series(files).unwrap();
    assert_eq!(
        OpenedScan::open(&files).and_then(|scan| scan.reader(ReadOptions::default())).err().map(|e| e.code().as_str()),
        Some("E-READ-MALFORMED")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_instance_fails_with_a_code(at in 0_usize..1500, bytes in prop::collection::vec(any::<u8>(), 1..8)) {
        let folder = Folder::new();
        let mut broken = instance(2).bytes();
        let at = at.min(broken.len() - 1);
        let end = (at + bytes.len()).min(broken.len());
        broken.splice(at..end, bytes);
        let files = [folder.file("a.dcm", &instance(1).bytes()), folder.file("b.dcm", &broken)];
        // The broken file may or may not still state its series.
        let _ = scan::series_key(&files[1]);
        let series = ScanFiles::series(files.to_vec()).unwrap();
        let read = OpenedScan::open(&series).and_then(|scan| scan.reader(ReadOptions::default()))
            .and_then(|mut reader| all(reader.as_mut()));
        if let Err(error) = read {
            prop_assert!(error.code().as_str().starts_with("E-READ-") && error.code().as_str() != "E-READ-IO", "{error}");
        }
    }
}
