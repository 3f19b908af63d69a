//! Segmentation as a label map: one frame per B-scan, whose pixels are segment numbers (PS3.3, A.51, segmentation type
//! LABELMAP of Supplement 243). A pixel of a lesion has the number of the lesion.

use dicom_core::{DataElement, PrimitiveValue, VR, smallvec::SmallVec};
use dicom_dictionary_std::tags;
use octrls_readers::DicomReference;

use super::{
    ScanResults, codes,
    elements::{integer, sequence, string, word},
    masks,
    object::{Kind, Object},
    segments::{self, Segment},
};

/// Number of the background.
const BACKGROUND: u16 = 0;

pub(super) fn object(results: &ScanResults, reference: &DicomReference) -> Object {
    let mut object = Object::new(Kind::LabelMap, results, reference);
    // The standard requires a description of every number that occurs, including the background.
    let background = Segment {
        number: BACKGROUND,
        label: "Background",
        category: codes::BACKGROUND,
        property: codes::BACKGROUND,
        colour: [0; 3],
    };
    let described: Vec<Segment> = std::iter::once(background).chain(masks::described(results)).collect();
    segments::describe(&mut object, results, reference, &described);
    let along = [(tags::IN_STACK_POSITION_NUMBER, tags::FRAME_CONTENT_SEQUENCE)];
    segments::dimensions(&mut object, reference, "label map", &along);
    let frames = results.heights.bscans();
    let mut pixels: Vec<u8> = (0..frames).flat_map(|bscan| masks::labels(results, bscan)).collect();
    pixels.resize(pixels.len().next_multiple_of(2), 0);
    let groups = (0..frames).map(|bscan| masks::frame_groups(None, bscan, results, reference)).collect();
    let header = results.header;
    object.put([
        string(tags::SEGMENTATION_TYPE, VR::CS, "LABELMAP"),
        string(tags::SEGMENTS_OVERLAP, VR::CS, "NO"),
        integer(tags::NUMBER_OF_FRAMES, frames),
        word(tags::ROWS, header.height as u16),
        word(tags::COLUMNS, header.width as u16),
        word(tags::BITS_ALLOCATED, 8),
        word(tags::BITS_STORED, 8),
        word(tags::HIGH_BIT, 7),
        word(tags::PIXEL_REPRESENTATION, 0),
        word(tags::PIXEL_PADDING_VALUE, BACKGROUND),
        sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![masks::shared_groups(results)]),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups),
        DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(SmallVec::from_vec(pixels))),
    ]);
    object.put(segments::lossy_compression(results.origin.lossy.as_ref()));
    object.put(segments::patient_orientation(results));
    object
}
