//! Ophthalmic Tomography objects of phantoms.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, value::DataSetSequence};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use octrls_core::phantom::{Phantom, PhantomOptions};

pub(crate) const FRAMES: usize = 3;
pub(crate) const WIDTH: usize = 768;
pub(crate) const HEIGHT: usize = 496;
pub(crate) const AXIAL_MM: f64 = 0.00387;
pub(crate) const LATERAL_MM: f64 = 0.0113;
/// Distance between B-scans.
pub(crate) const BSCAN_DISTANCE_MM: f64 = 0.5;
pub(crate) const STUDY: &str = "1.2.826.0.1.3680043.8.498.1";
pub(crate) const SERIES: &str = "1.2.826.0.1.3680043.8.498.2";
pub(crate) const INSTANCE: &str = "1.2.826.0.1.3680043.8.498.3";
pub(crate) const FRAME_OF_REFERENCE: &str = "1.2.826.0.1.3680043.8.498.4";

fn text(tag: Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

fn word(tag: Tag, value: usize) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value as u16))
}

fn decimals(tag: Tag, values: &[f64]) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::DS, PrimitiveValue::Strs(values.iter().map(f64::to_string).collect()))
}

fn item(elements: impl IntoIterator<Item = DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// A volume of a right eye.
pub(crate) fn volume() -> InMemDicomObject {
    tomography(0, FRAMES)
}

/// The same volume as a series of objects, one per B-scan.
pub(crate) fn series() -> Vec<InMemDicomObject> {
    series_of(FRAMES)
}

/// A series of `bscans` objects.
pub(crate) fn series_of(bscans: usize) -> Vec<InMemDicomObject> {
    let instance = |i: usize| {
        let mut object = tomography(i, 1);
        object.put(text(tags::SOP_INSTANCE_UID, VR::UI, &instance_uid(i)));
        object.put(text(tags::INSTANCE_NUMBER, VR::IS, &(i + 1).to_string()));
        object
    };
    (0..bscans).map(instance).collect()
}

/// Identifier of an object of the series.
pub(crate) fn instance_uid(i: usize) -> String {
    format!("{INSTANCE}.{}", i + 1)
}

/// One B-scan.
pub(crate) fn bscan() -> InMemDicomObject {
    tomography(0, 1)
}

/// The volume of the eye `side`, or of an unknown one.
pub(crate) fn with_eye(side: Option<&str>) -> InMemDicomObject {
    with_groups(|shared, _| {
        shared.remove_element(tags::FRAME_ANATOMY_SEQUENCE);
        if let Some(side) = side {
            shared
                .put(sequence(tags::FRAME_ANATOMY_SEQUENCE, vec![item([text(tags::FRAME_LATERALITY, VR::CS, side)])]));
        }
    })
}

/// The volume without positions.
pub(crate) fn without_planes() -> InMemDicomObject {
    with_groups(|shared, frames| {
        shared.remove_element(tags::PLANE_ORIENTATION_SEQUENCE);
        for frame in frames {
            frame.remove_element(tags::PLANE_POSITION_SEQUENCE);
        }
    })
}

/// The B-scans as a star.
pub(crate) fn star() -> InMemDicomObject {
    with_groups(|shared, frames| {
        shared.remove_element(tags::PLANE_ORIENTATION_SEQUENCE);
        for (i, frame) in frames.iter_mut().enumerate() {
            let (position, directions) = star_plane(i);
            let group = |tag, element| sequence(tag, vec![item([element])]);
            frame.put(group(tags::PLANE_POSITION_SEQUENCE, decimals(tags::IMAGE_POSITION_PATIENT, &position)));
            let directions = decimals(tags::IMAGE_ORIENTATION_PATIENT, &directions);
            frame.put(group(tags::PLANE_ORIENTATION_SEQUENCE, directions));
        }
    })
}

/// First pixel and directions of a B-scan of the star: 0, 90 and 180 degrees.
pub(crate) fn star_plane(bscan: usize) -> ([f64; 3], [f64; 6]) {
    let (x, z) = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)][bscan];
    ([-4.25 * x, 0.0, -4.25 * z], [x, 0.0, z, 0.0, 1.0, 0.0])
}

/// The volume after `change` of its shared functional groups and those of its frames.
fn with_groups(change: impl Fn(&mut InMemDicomObject, &mut [InMemDicomObject])) -> InMemDicomObject {
    let mut object = volume();
    let items = |object: &InMemDicomObject, tag| object.element(tag).expect("groups").items().expect("items").to_vec();
    let mut shared = items(&object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let mut frames = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    change(&mut shared[0], &mut frames);
    object.put(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared));
    object.put(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames));
    object
}

fn tomography(first: usize, frames: usize) -> InMemDicomObject {
    let all = first..first + frames;
    let pixels = all.clone().flat_map(|seed| {
        let scan = Phantom::generate(&PhantomOptions::default(), seed as u64 + 1).bscan;
        assert_eq!((scan.width, scan.height), (WIDTH, HEIGHT));
        scan.intensity.into_iter().map(|v| (255.0 * v).round() as u8)
    });
    let pixels: Vec<u8> = pixels.collect();
    let shared = item([
        sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![item([decimals(tags::PIXEL_SPACING, &[AXIAL_MM, LATERAL_MM])])]),
        sequence(
            tags::PLANE_ORIENTATION_SEQUENCE,
            vec![item([decimals(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])])],
        ),
        sequence(tags::FRAME_ANATOMY_SEQUENCE, vec![item([text(tags::FRAME_LATERALITY, VR::CS, "R")])]),
    ]);
    let position =
        |i: usize| decimals(tags::IMAGE_POSITION_PATIENT, &[-4.3, 0.0, BSCAN_DISTANCE_MM * (1.0 - i as f64)]);
    let frame = |i| item([sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([position(i)])])]);
    item([
        text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100"),
        text(tags::PATIENT_NAME, VR::PN, "Müller^Änne"),
        text(tags::PATIENT_ID, VR::LO, "P-1"),
        text(tags::PATIENT_BIRTH_DATE, VR::DA, "19500101"),
        text(tags::PATIENT_SEX, VR::CS, "F"),
        text(tags::STUDY_INSTANCE_UID, VR::UI, STUDY),
        text(tags::STUDY_DATE, VR::DA, "20260102"),
        text(tags::STUDY_ID, VR::SH, "1"),
        text(tags::STUDY_TIME, VR::TM, "101500"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, SERIES),
        text(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE),
        text(tags::SOP_INSTANCE_UID, VR::UI, INSTANCE),
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, FRAME_OF_REFERENCE),
        text(tags::MODALITY, VR::CS, "OPT"),
        word(tags::ROWS, HEIGHT),
        word(tags::COLUMNS, WIDTH),
        text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string()),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        word(tags::SAMPLES_PER_PIXEL, 1),
        word(tags::BITS_ALLOCATED, 8),
        word(tags::BITS_STORED, 8),
        word(tags::HIGH_BIT, 7),
        word(tags::PIXEL_REPRESENTATION, 0),
        sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, all.map(frame).collect()),
        DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)),
    ])
}

pub(crate) fn write(object: &InMemDicomObject, path: &Path) {
    std::fs::write(path, bytes(object)).expect("written");
}

/// `object` as a file.
pub(crate) fn bytes(object: &InMemDicomObject) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut bytes = Vec::new();
    object.clone().with_meta(meta).expect("an object").write_all(&mut bytes).expect("written");
    bytes
}
