//! What DICOM files say of the eye, of positions and of each other: concatenations, photographs, dummy values.

use dicom_core::{PrimitiveValue, Tag, VR, smallvec::SmallVec};
use dicom_dictionary_std::{tags, uids};
use octrls_core::scan::{Clock, Eye, Note, Pattern, Provenance};
use octrls_readers as scan;
use octrls_readers::{OpenedScan, ReadError, ReadOptions, Role, ScanFiles, ScanReader};

use super::{
    Folder,
    dicom::{FRAME, Object, floats, item, located, sequence, string, tomography, word},
};

const OPTIONS: ReadOptions = ReadOptions {
    axial_um: None,
    lateral_um: None,
    um_per_degree: None,
    allow_missing: false,
    series: None,
    raw: None,
};

/// Part `number` of a concatenation of `total`, with two frames of its own grey each; the first is `first` frames in.
fn part(number: u16, total: Option<u16>, first: u32) -> Object {
    let long =
        |tag, value| dicom_core::DataElement::new(tag, VR::UL, PrimitiveValue::U32(SmallVec::from_slice(&[value])));
    let grey = |frame: u32| vec![50 * (first + frame) as u8; FRAME];
    let place = |i: u32| floats(tags::IMAGE_POSITION_PATIENT, &[-2.0, 0.0, 1.0 - 0.25 * f64::from(first + i)]);
    let own = |i| item([sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([place(i)])])]);
    let object = tomography(2)
        .with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"))
        .with(string(tags::STUDY_INSTANCE_UID, VR::UI, "1.2"))
        .with(string(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}")))
        .with(string(tags::CONCATENATION_UID, VR::UI, "1.2.77"))
        .with(word(tags::IN_CONCATENATION_NUMBER, number))
        .with(long(tags::CONCATENATION_FRAME_OFFSET_NUMBER, first))
        .with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![own(0), own(1)]))
        .native([grey(0), grey(1)].concat());
    match total {
        Some(total) => object.with(word(tags::IN_CONCATENATION_TOTAL_NUMBER, total)),
        None => object,
    }
}

fn open(folder: &Folder, parts: Vec<Object>, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    // File names are not in the order of the parts.
    let count = parts.len();
    let files = parts.into_iter().enumerate().map(|(i, p)| folder.file(&format!("{}.dcm", count - i), &p.bytes()));
    let mut scans = scan::group_scans(files.collect::<Vec<_>>());
    assert_eq!(scans.len(), 1, "{scans:?}");
    OpenedScan::open(&scans.remove(0))?.reader(options)
}

#[test]
fn parts_of_a_concatenation_are_one_scan() {
    let folder = Folder::new();
    let mut reader = open(&folder, vec![part(1, Some(2), 0), part(2, Some(2), 2)], OPTIONS).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.bscans, header.pattern, header.notes.len()), (4, Pattern::RasterVolume, 0));
    assert_eq!((header.tracks.len(), header.eye), (4, Some(Eye::Right)));
    let greys: Vec<f32> = (0..4).map(|i| 255.0 * reader.bscan(i).unwrap().intensity[0]).collect();
    assert!(greys.windows(2).all(|pair| pair[0] < pair[1]), "{greys:?}");
    let origin = reader.dicom_origin().unwrap();
    let reference = origin.reference.as_ref().unwrap();
    assert_eq!(reference.instances, ["1.2.3.1", "1.2.3.2"]);
    assert_eq!(reference.of_bscan(1), Some(("1.2.3.1", 1)));
    assert_eq!((reference.of_bscan(2), reference.of_bscan(4)), (Some(("1.2.3.2", 0)), None));
    assert_eq!(origin.planes.as_ref().unwrap().frames.len(), 4);
    // Without a total, the parts present are taken for all.
    let reader = open(&Folder::new(), vec![part(1, None, 0), part(2, None, 2)], OPTIONS).unwrap();
    assert_eq!((reader.header().bscans, reader.header().notes.len()), (4, 0));
    // The folder itself as one volume.
    let folder = Folder::new();
    folder.file("x", &part(2, Some(2), 2).bytes());
    folder.file("y", &part(1, Some(2), 0).bytes());
    assert_eq!(scan::open(folder.0.path(), OPTIONS).unwrap().header().bscans, 4);
}

#[test]
fn a_part_alone_says_so() {
    for (alone, total, expected) in [(part(1, Some(2), 0), 2, 1), (part(2, Some(2), 2), 2, 1), (part(2, None, 2), 2, 1)]
    {
        let error = open(&Folder::new(), vec![alone], OPTIONS).err().expect("incomplete");
        assert!(error.is_transient(), "{error}");
        let ReadError::Incomplete { present, listed } = error else { panic!("{error}") };
        assert_eq!((present, listed), (expected, total));
    }
    let lenient = ReadOptions { allow_missing: true, ..OPTIONS };
    for object in [part(1, Some(2), 0), part(2, Some(2), 2), part(1, None, 0)] {
        let reader = open(&Folder::new(), vec![object], lenient).unwrap();
        assert_eq!((reader.header().bscans, &reader.header().notes[..]), (2, &[Note::PartOfConcatenation][..]));
    }
    let reader = open(&Folder::new(), vec![part(1, None, 0)], OPTIONS).unwrap();
    assert_eq!(reader.header().notes, [Note::PartOfConcatenation], "nothing says whether it is all");
    assert_eq!(open(&Folder::new(), vec![part(1, Some(1), 0)], OPTIONS).unwrap().header().notes, []);
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    let with = |element| part(2, Some(2), 2).with(element);
    let cases = [
        vec![part(1, Some(2), 0), part(1, Some(2), 0)],
        vec![part(1, Some(2), 0), part(2, Some(3), 2)],
        vec![part(1, Some(2), 0), part(2, Some(2), 3)],
        vec![part(1, Some(2), 0), with(string(tags::PATIENT_ID, VR::LO, "other"))],
        vec![part(1, Some(2), 0), with(string(tags::STUDY_INSTANCE_UID, VR::UI, "1.9"))],
        vec![part(1, Some(2), 0), with(word(tags::COLUMNS, 4)).native(vec![1; FRAME])],
        vec![part(1, Some(2), 0), with(word(tags::IN_CONCATENATION_NUMBER, 0))],
    ];
    for (i, parts) in cases.into_iter().enumerate() {
        let error = open(&Folder::new(), parts, OPTIONS).err().unwrap_or_else(|| panic!("case {i}"));
        assert_eq!(error.code().as_str(), "E-READ-SERIES", "case {i}: {error}");
    }
}

#[test]
fn an_eye_that_a_file_contradicts_is_unknown() {
    let eye = |object: Object| {
        let folder = Folder::new();
        let reader = scan::open(&folder.file("a.dcm", &object.native(vec![9; 2 * FRAME]).bytes()), OPTIONS).unwrap();
        (reader.header().eye, reader.header().eye_from, reader.header().notes.clone())
    };
    let image = |side| string(tags::IMAGE_LATERALITY, VR::CS, side);
    let right = (Some(Eye::Right), Some(Provenance::Header), vec![]);
    let unknown = (None, None, vec![Note::EyeContradictory]);
    assert_eq!(eye(tomography(2).with(image("R"))), right);
    assert_eq!(eye(tomography(2).with(image("OD"))), right);
    assert_eq!(eye(tomography(2).with(image("B"))), right, "both eyes are no eye");
    assert_eq!(eye(tomography(2).with(image("L"))), unknown);
    assert_eq!(eye(tomography(2).with(string(tags::LATERALITY, VR::CS, "L"))), unknown);
    // One frame of the other eye.
    let frame = |side| {
        let anatomy = item([string(tags::FRAME_LATERALITY, VR::CS, side)]);
        item([sequence(tags::FRAME_ANATOMY_SEQUENCE, vec![anatomy])])
    };
    let frames = |a, b| sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![frame(a), frame(b)]);
    assert_eq!(eye(tomography(2).with(frames("R", "R"))), right);
    assert_eq!(eye(tomography(2).with(frames("R", "L"))), unknown);
    // The sidecar decides.
    let folder = Folder::new();
    let object = tomography(2).with(image("L")).native(vec![9; 2 * FRAME]).bytes();
    folder.file("a.dcm.toml", b"eye = \"OS\"");
    let reader = scan::open(&folder.file("a.dcm", &object), OPTIONS).unwrap();
    assert_eq!((reader.header().eye, &reader.header().notes[..]), (Some(Eye::Left), &[][..]));
}

#[test]
fn locations_come_before_positions_that_are_all_the_same() {
    let folder = Folder::new();
    let lines: Vec<Vec<f32>> = (0..3).map(|i| vec![10.0 - 2.0 * i as f32, 20.0, 10.0 - 2.0 * i as f32, 24.0]).collect();
    let dummy = || floats(tags::IMAGE_POSITION_PATIENT, &[0.0, 0.0, 0.0]);
    let shared_dummy = |object: Object| {
        // The shared group gives every frame the same position.
        let direction = floats(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        let measures = item([floats(tags::PIXEL_SPACING, &[0.0039, 0.0117])]);
        let shared = item([
            sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]),
            sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![item([direction])]),
            sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([dummy()])]),
        ]);
        object.with(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]))
    };
    let path = folder.file("a.dcm", &shared_dummy(located(&lines, "LINEAR")).bytes());
    let reader = scan::open(&path, OPTIONS).unwrap();
    assert_eq!((reader.header().pattern, reader.header().tracks.len()), (Pattern::RasterVolume, 3));
    assert!(reader.dicom_origin().unwrap().planes.is_none());
    let own = || item([sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([dummy()])])]);
    let unplaced =
        tomography(3).with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, (0..3).map(|_| own()).collect()));
    let reader = scan::open(&folder.file("b.dcm", &unplaced.native(vec![9; 3 * FRAME]).bytes()), OPTIONS).unwrap();
    assert_eq!((reader.header().pattern, reader.header().tracks.len()), (Pattern::Unknown, 0));
}

/// A photograph with the SOP instance 1.2.99.
fn photograph() -> Object {
    tomography(1)
        .with(string(tags::SOP_INSTANCE_UID, VR::UI, "1.2.99"))
        .with(string(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_PHOTOGRAPHY8_BIT_IMAGE_STORAGE))
        .native((0..FRAME as u8).map(|i| 5 * i).collect())
}

#[test]
fn photographs_are_no_scans_and_serve_those_that_refer_to_them() {
    let folder = Folder::new();
    let path = folder.file("1.2.99.dcm", &photograph().bytes());
    assert_eq!(scan::role(&path).unwrap(), Role::Companion);
    let error = scan::open(&path, OPTIONS).err().expect("no scan");
    assert!(error.code().as_str() == "E-READ-UNSUPPORTED" && error.to_string().contains("photograph"), "{error}");

    let picture = |class: &str, instance: &str| {
        item([
            string(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class),
            string(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance),
        ])
    };
    let photo = uids::OPHTHALMIC_PHOTOGRAPHY8_BIT_IMAGE_STORAGE;
    let fundus = |references: Vec<_>| {
        let object = tomography(1).with(sequence(tags::REFERENCED_IMAGE_SEQUENCE, references)).native(vec![9; FRAME]);
        scan::open(&folder.file("scan.dcm", &object.bytes()), OPTIONS).unwrap().fundus().unwrap()
    };
    let shown = fundus(vec![picture(photo, "1.2.98"), picture(photo, "1.2.99")]).expect("the photograph");
    assert_eq!((shown.pixels[9], shown.lines.len(), shown.pixel_mm), (45, 0, None));
    assert_eq!(fundus(vec![picture(uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE, "1.2.99")]), None);
    assert_eq!(fundus(vec![]), None);
}

#[test]
fn roles_of_files() {
    let folder = Folder::new();
    let role = |object: Object| scan::role(&folder.file("a.dcm", &object.bytes())).unwrap();
    assert_eq!(role(tomography(3).native(vec![9; 3 * FRAME])), Role::Scan);
    let of_series = |object: Object| object.with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"));
    assert!(matches!(role(of_series(tomography(1).native(vec![9; FRAME]))), Role::Instance(_)));
    assert_eq!(role(of_series(tomography(3).native(vec![9; 3 * FRAME]))), Role::Scan);
    assert!(matches!(role(part(1, Some(2), 0)), Role::Instance(_)));
    for class in
        ["1.2.840.10008.5.1.4.1.1.77.1.5.2", "1.2.840.10008.5.1.4.1.1.77.1.5.5", "1.2.840.10008.5.1.4.1.1.77.1.5.7"]
    {
        assert_eq!(role(of_series(photograph()).with(string(tags::SOP_CLASS_UID, VR::UI, class))), Role::Companion);
    }
    assert_eq!(scan::role(&folder.file("a.png", b"no DICOM")).unwrap(), Role::Scan);
    let _ = ScanFiles::one(folder.file("b", b""));
}

#[test]
fn time_and_scanner_are_known_of_nobody_too() {
    let folder = Folder::new();
    let object = tomography(1)
        .with(string(tags::PATIENT_ID, VR::LO, "ANONYMOUS"))
        .with(string(tags::ACQUISITION_DATE_TIME, VR::DT, "20260103101500"))
        .with(string(tags::MANUFACTURER, VR::LO, "Maker"))
        .with(string(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Model 1"))
        .with(string(Tag(0x0009, 0x1001), VR::LO, "private"));
    let mut reader = scan::open(&folder.file("a.dcm", &object.native(vec![9; FRAME]).bytes()), OPTIONS).unwrap();
    assert!(reader.subject().unwrap().is_none());
    let acquisition = reader.acquisition().unwrap();
    assert_eq!(acquisition.at.map(|at| at.to_string()).as_deref(), Some("2026-01-03T10:15:00"));
    assert_eq!((acquisition.clock, acquisition.device.as_str()), (Clock::Local, "Maker Model 1"));
}
