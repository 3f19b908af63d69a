//! Height Map Segmentation: one frame per boundary, one row per B-scan, one column per A-scan (PS3.3, A.91).
//!
//! A value is the distance of the boundary from the top edge of the B-scan's first sample, in samples, as in
//! `boundaries.csv`.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_core::layer::Boundary;
use octrls_readers::DicomReference;

use super::{
    ScanResults, codes,
    elements::{Element, Item, integer, item, sequence, string, word},
    object::{Kind, Object},
    plane::EnFace,
    segments::{self, Segment},
};

/// Value where a boundary is not determined; valid values are not negative.
const UNKNOWN: f32 = -1.0;

pub(super) fn object(results: &ScanResults, reference: &DicomReference) -> Object {
    let mut object = Object::new(Kind::Surfaces, results, reference);
    let segment = |b: Boundary| Segment {
        number: b.index() as u16 + 1,
        label: b.name(),
        category: codes::ANATOMICAL_STRUCTURE,
        property: codes::boundary(b),
        colour: b.colour(),
    };
    segments::describe(&mut object, results, reference, &Boundary::ALL.map(segment));
    segments::dimensions(
        &mut object,
        reference,
        "surfaces",
        &[(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE)],
    );
    let header = results.header;
    object.put([
        string(tags::SEGMENTATION_TYPE, VR::CS, "HEIGHTMAP"),
        integer(tags::NUMBER_OF_FRAMES, Boundary::ALL.len()),
        word(tags::ROWS, header.bscans as u16),
        word(tags::COLUMNS, header.width as u16),
        word(tags::BITS_ALLOCATED, 32),
        DataElement::new(tags::FLOAT_PIXEL_PADDING_VALUE, VR::FL, PrimitiveValue::from(UNKNOWN)),
        DataElement::new(tags::FLOAT_PIXEL_PADDING_RANGE_LIMIT, VR::FL, PrimitiveValue::from(UNKNOWN)),
        sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared_groups(results, reference)]),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, (1..=Boundary::ALL.len() as u16).map(frame).collect()),
        DataElement::new(tags::FLOAT_PIXEL_DATA, VR::OF, PrimitiveValue::F32(rows(results).into())),
    ]);
    if results.origin.planes.as_ref().and_then(EnFace::of).is_none() {
        object.put([segments::unknown_orientation()]);
    }
    object
}

fn rows(results: &ScanResults) -> Vec<f32> {
    let frame = |b: Boundary| results.heights.rows(b).map(|row| row.unwrap_or(UNKNOWN));
    Boundary::ALL.into_iter().flat_map(frame).collect()
}

fn frame(number: u16) -> Item {
    let index = DataElement::new(tags::DIMENSION_INDEX_VALUES, VR::UL, PrimitiveValue::from(u32::from(number)));
    item([sequence(tags::FRAME_CONTENT_SEQUENCE, vec![item([index])]), segments::identification(number)])
}

fn shared_groups(results: &ScanResults, reference: &DicomReference) -> Item {
    let header = results.header;
    let mut groups = vec![segments::derivation(reference, None)];
    if let Some(plane) = results.origin.planes.as_ref().and_then(EnFace::of) {
        groups.push(segments::plane_position(plane.position));
        groups.push(segments::plane_orientation(plane.columns, plane.rows));
        if let Some(lateral) = header.lateral {
            // A distance of the rows is mandatory; a single row gets that of its columns.
            let distance = plane.distance_mm.unwrap_or_else(|| lateral.mm());
            groups.push(segments::pixel_measures(distance, lateral.mm(), None));
        }
    }
    groups.extend(header.axial.map(|axial| depth(axial.mm(), header.height)));
    groups.extend(header.eye.map(segments::frame_anatomy));
    item(groups)
}

/// Maps values to millimetres.
fn depth(axial_mm: f64, height: usize) -> Element {
    let real = |tag, value: f64| DataElement::new(tag, VR::FD, PrimitiveValue::from(value));
    let mapping = item([
        string(tags::LUT_EXPLANATION, VR::LO, "Depth below the top of the B-scan"),
        string(tags::LUT_LABEL, VR::SH, "DEPTH"),
        real(tags::REAL_WORLD_VALUE_SLOPE, axial_mm),
        real(tags::REAL_WORLD_VALUE_INTERCEPT, 0.0),
        real(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_FIRST_VALUE_MAPPED, 0.0),
        real(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_LAST_VALUE_MAPPED, height as f64),
        codes::MILLIMETRE.sequence(tags::MEASUREMENT_UNITS_CODE_SEQUENCE),
    ]);
    sequence(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE, vec![mapping])
}
