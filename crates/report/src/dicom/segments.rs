//! The common part of all segmentations: segments, and the place of their pixels.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use octrls_core::scan::Eye;
use octrls_readers::{DicomReference, LossyCompression};

use super::{
    ScanResults,
    codes::{self, Code},
    elements::{Element, Item, decimals, empty, item, sequence, string, strings, word},
    object::{Object, image_laterality, referenced_series, side, source_bscan, source_images, uid},
};
use crate::ModelRecord;

/// Number, name and meaning of a segment.
pub(super) struct Segment {
    pub(super) number: u16,
    pub(super) label: &'static str,
    pub(super) category: Code,
    pub(super) property: Code,
    /// Recommended display colour, sRGB.
    pub(super) colour: [u8; 3],
}

/// Longest component of a name (PS3.5, 6.2).
const MAX_NAME: usize = 64;

/// Elements of a derived image of segments (PS3.3, C.8.20.2 and C.8.20.5).
pub(super) fn describe(object: &mut Object, results: &ScanResults, reference: &DicomReference, segments: &[Segment]) {
    let model = results.record.model;
    let has_lesions = segments.iter().any(|s| s.category == codes::ALTERED_STRUCTURE);
    let what = if has_lesions { "Retinal layers, lesions:" } else { "Retinal layers," };
    let items = segments.iter().map(|s| segment(s, model, results.record.octrls, results.record.correction.is_some()));
    // Without a frame of reference of its own, the scan is the only member of a new one.
    let frame_of_reference = results.origin.frame_of_reference.clone();
    let frame_of_reference = frame_of_reference.unwrap_or_else(|| uid(&["frame of reference", &reference.key()]));
    object.put([
        string(tags::FRAME_OF_REFERENCE_UID, VR::UI, frame_of_reference),
        empty(tags::POSITION_REFERENCE_INDICATOR, VR::LO),
        strings(tags::IMAGE_TYPE, VR::CS, ["DERIVED", "PRIMARY"]),
        string(tags::CONTENT_LABEL, VR::CS, "RETINAL_LAYERS"),
        string(tags::CONTENT_DESCRIPTION, VR::LO, format!("{what} found automatically; research use only")),
        string(tags::CONTENT_CREATOR_NAME, VR::PN, "OCT-RLS^^^^"),
        word(tags::SAMPLES_PER_PIXEL, 1),
        string(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        sequence(tags::SEGMENT_SEQUENCE, items.collect()),
        referenced_series(reference),
    ]);
    object.put(results.header.eye.map(image_laterality));
    if let Some(correction) = &results.record.correction {
        object.put([
            string(tags::CONTENT_DESCRIPTION, VR::LO, format!("{what} corrected by hand; research use only")),
            string(tags::CONTENT_CREATOR_NAME, VR::PN, person(&correction.reviewer)),
            string(tags::IMAGE_COMMENTS, VR::LT, correction.words()),
        ]);
    }
}

/// A name as the family name of a person, without the characters that part names.
fn person(name: &str) -> String {
    let plain = name.chars().map(|c| if matches!(c, '^' | '=' | '\\') { ' ' } else { c });
    plain.take(MAX_NAME).collect()
}

fn segment(segment: &Segment, model: &ModelRecord, version: &str, corrected: bool) -> Item {
    let algorithm = item([
        codes::ARTIFICIAL_INTELLIGENCE.sequence(tags::ALGORITHM_FAMILY_CODE_SEQUENCE),
        string(tags::ALGORITHM_NAME, VR::LO, format!("octrls {}", model.name())),
        string(tags::ALGORITHM_VERSION, VR::LO, format!("{version}, {}", model.version())),
    ]);
    item([
        word(tags::SEGMENT_NUMBER, segment.number),
        string(tags::SEGMENT_LABEL, VR::LO, segment.label),
        string(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, if corrected { "SEMIAUTOMATIC" } else { "AUTOMATIC" }),
        string(tags::SEGMENT_ALGORITHM_NAME, VR::LO, format!("octrls {}", model.name())),
        sequence(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm]),
        segment.category.sequence(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE),
        segment.property.sequence(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE),
        codes::RETINA.sequence(tags::ANATOMIC_REGION_SEQUENCE),
        dicom_core::DataElement::new(
            tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE,
            VR::US,
            dicom_core::PrimitiveValue::U16(lab(segment.colour).as_slice().into()),
        ),
    ])
}

/// An sRGB colour as CIELab under D50, in DICOM's scaling (PS3.3, C.10.7.1.1).
fn lab(colour: [u8; 3]) -> [u16; 3] {
    let [r, g, b] = colour.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    // sRGB to XYZ, adapted to D50 by Bradford (Lindbloom), divided by the D50 white.
    let x = (0.436_074_7 * r + 0.385_064_9 * g + 0.143_080_4 * b) / 0.964_22;
    let y = 0.222_504_5 * r + 0.716_878_6 * g + 0.060_616_9 * b;
    let z = (0.013_932_2 * r + 0.097_104_5 * g + 0.714_173_3 * b) / 0.825_21;
    let [fx, fy, fz] = [x, y, z].map(|v| if v > 0.008_856 { v.cbrt() } else { 7.787 * v + 16.0 / 116.0 });
    let whole = f64::from(u16::MAX);
    let scaled = |v: f64, from: f64, range: f64| ((v - from) / range * whole).clamp(0.0, whole).round() as u16;
    [
        scaled(116.0 * fy - 16.0, 0.0, 100.0),
        scaled(500.0 * (fx - fy), -128.0, 255.0),
        scaled(200.0 * (fy - fz), -128.0, 255.0),
    ]
}

/// The dimensions along which frames are organised; each is an element and its functional group.
pub(super) fn dimensions(object: &mut Object, reference: &DicomReference, kind: &str, along: &[(Tag, Tag)]) {
    let organisation = uid(&["dimensions", kind, &reference.key()]);
    let identifier = || string(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organisation.clone());
    let pointer = |tag, to: Tag| dicom_core::DataElement::new(tag, VR::AT, dicom_core::PrimitiveValue::from(to));
    let index = |&(element, group): &(Tag, Tag)| {
        item([
            identifier(),
            pointer(tags::DIMENSION_INDEX_POINTER, element),
            pointer(tags::FUNCTIONAL_GROUP_POINTER, group),
        ])
    };
    object.put([
        sequence(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![item([identifier()])]),
        sequence(tags::DIMENSION_INDEX_SEQUENCE, along.iter().map(index).collect()),
    ]);
}

/// The source of the segmentation: the B-scan of that index, pixel by pixel, or the whole scan.
pub(super) fn derivation(reference: &DicomReference, bscan: Option<usize>) -> Element {
    let sources = match bscan {
        Some(bscan) => {
            let mut source = source_bscan(reference, bscan);
            // Each pixel lies at the position of the source pixel (PS3.3, C.7.6.16.2.6).
            source.put(string(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES"));
            vec![source]
        }
        None => source_images(reference),
    };
    let derived = item([
        sequence(tags::SOURCE_IMAGE_SEQUENCE, sources),
        codes::SEGMENTATION.sequence(tags::DERIVATION_CODE_SEQUENCE),
    ]);
    sequence(tags::DERIVATION_IMAGE_SEQUENCE, vec![derived])
}

/// The segment of a frame.
pub(super) fn identification(number: u16) -> Element {
    sequence(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![item([word(tags::REFERENCED_SEGMENT_NUMBER, number)])])
}

/// Row spacing, column spacing and thickness of a frame, in millimetres.
pub(super) fn pixel_measures(rows_mm: f64, columns_mm: f64, thickness_mm: Option<f64>) -> Element {
    let mut measures = item([decimals(tags::PIXEL_SPACING, &[rows_mm, columns_mm])]);
    if let Some(mm) = thickness_mm {
        measures.put(decimals(tags::SLICE_THICKNESS, &[mm]));
    }
    sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures])
}

/// Position of the centre of a frame's first pixel, in millimetres.
pub(super) fn plane_position(position: [f64; 3]) -> Element {
    sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([decimals(tags::IMAGE_POSITION_PATIENT, &position)])])
}

/// Directions of the columns and of the rows.
pub(super) fn plane_orientation(columns: [f64; 3], rows: [f64; 3]) -> Element {
    let [[a, b, c], [d, e, f]] = [columns, rows];
    let directions = decimals(tags::IMAGE_ORIENTATION_PATIENT, &[a, b, c, d, e, f]);
    sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![item([directions])])
}

/// Side and region of a frame (PS3.3, C.7.6.16.2.8).
pub(super) fn frame_anatomy(eye: Eye) -> Element {
    let anatomy = item([
        string(tags::FRAME_LATERALITY, VR::CS, side(eye)),
        codes::RETINA.sequence(tags::ANATOMIC_REGION_SEQUENCE),
    ]);
    sequence(tags::FRAME_ANATOMY_SEQUENCE, vec![anatomy])
}

/// Patient Orientation, required of frames without planes (PS3.3, C.7.6.1): how B-scans lie in the eye is not known then.
pub(super) fn patient_orientation(results: &ScanResults) -> Option<Element> {
    results.origin.planes.is_none().then(unknown_orientation)
}

pub(super) fn unknown_orientation() -> Element {
    empty(tags::PATIENT_ORIENTATION, VR::CS)
}

/// Whether the scan's pixels were compressed with loss, how and how much.
pub(super) fn lossy_compression(lossy: Option<&LossyCompression>) -> Vec<Element> {
    let flag = |value| string(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, value);
    let Some(LossyCompression { ratios, methods }) = lossy else { return vec![flag("00")] };
    let mut elements = vec![flag("01")];
    if !ratios.is_empty() {
        elements.push(strings(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, ratios));
    }
    if !methods.is_empty() {
        elements.push(strings(tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, methods));
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::lab;

    #[test]
    fn white_black_and_red_have_their_known_colour() {
        assert!(lab([255, 255, 255])[0] >= 65_500);
        assert_eq!(lab([0, 0, 0])[0], 0);
        // L 54.29, a 80.80, b 69.89 under D50 (Lindbloom).
        let [l, a, b] = lab([255, 0, 0]).map(|v| f64::from(v) / 65_535.0);
        let (l, a, b) = (100.0 * l, 255.0 * a - 128.0, 255.0 * b - 128.0);
        assert!((l - 54.29).abs() < 0.1 && (a - 80.8).abs() < 0.3 && (b - 69.9).abs() < 0.3, "{l} {a} {b}");
    }
}
