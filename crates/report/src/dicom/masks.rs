//! Binary Segmentation: one frame for each layer and lesion in each B-scan that shows it (PS3.3, A.51).
//!
//! Lesions follow the layers, if the network knows lesions: with the same numbers in every object, whether they occur or
//! not. Fluid within a layer belongs to both, so that segments may overlap.

use dicom_core::{DataElement, PrimitiveValue, VR, smallvec::SmallVec};
use dicom_dictionary_std::tags;
use octrls_core::{
    layer::{LAYERS, Layer, Measured},
    lesion::Lesion,
};
use octrls_readers::{DicomReference, FramePlanes};

use super::{
    ScanResults, codes,
    elements::{Item, integer, item, sequence, string, word},
    object::{Kind, Object},
    plane::EnFace,
    segments::{self, Segment},
};

pub(super) fn object(results: &ScanResults, reference: &DicomReference) -> Object {
    let mut object = Object::new(Kind::Masks, results, reference);
    segments::describe(&mut object, results, reference, &described(results));
    segments::dimensions(
        &mut object,
        reference,
        "masks",
        &[
            (tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE),
            (tags::IN_STACK_POSITION_NUMBER, tags::FRAME_CONTENT_SEQUENCE),
        ],
    );
    let (frames, pixels) = frames(results);
    let groups = frames.iter().map(|f| frame_groups(Some(f.segment), f.bscan, results, reference)).collect();
    let header = results.header;
    object.put([
        string(tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
        string(tags::SEGMENTS_OVERLAP, VR::CS, if overlap(results) { "YES" } else { "NO" }),
        integer(tags::NUMBER_OF_FRAMES, frames.len()),
        word(tags::ROWS, header.height as u16),
        word(tags::COLUMNS, header.width as u16),
        word(tags::BITS_ALLOCATED, 1),
        word(tags::BITS_STORED, 1),
        word(tags::HIGH_BIT, 0),
        word(tags::PIXEL_REPRESENTATION, 0),
        sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared_groups(results)]),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups),
        DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(SmallVec::from_vec(pixels))),
    ]);
    object.put(segments::lossy_compression(results.origin.lossy.as_ref()));
    object.put(segments::patient_orientation(results));
    object
}

/// The layers, and the lesions if the network knows any.
pub(super) fn described(results: &ScanResults) -> Vec<Segment> {
    let layers = Layer::ALL.map(|layer| Segment {
        number: layer.class().into(),
        label: layer.name(),
        category: codes::ANATOMICAL_STRUCTURE,
        property: codes::measured(Measured::Layer(layer)),
        colour: layer.lower().colour(),
    });
    let lesions = Lesion::ALL.map(|lesion| Segment {
        number: number(lesion).into(),
        label: lesion.name(),
        category: codes::ALTERED_STRUCTURE,
        property: codes::lesion(lesion),
        colour: lesion.colour(),
    });
    layers.into_iter().chain(lesions.into_iter().filter(|_| results.lesions.searched())).collect()
}

/// Segment number of a lesion: lesions follow the layers.
const fn number(lesion: Lesion) -> u8 {
    LAYERS as u8 + lesion.class()
}

/// Whether any pixel belongs to a layer and a lesion.
fn overlap(results: &ScanResults) -> bool {
    let within_layers = |bscan: usize| {
        let mut pixels = results.lesions.pixels(bscan).peekable();
        let mask = pixels.peek().map(|_| results.heights.mask(bscan));
        mask.is_some_and(|mask| pixels.any(|(i, _)| mask[i] != 0))
    };
    (0..results.heights.bscans()).any(within_layers)
}

/// The segment number of every pixel of a B-scan, 0 for none. A lesion replaces the layer around it.
pub(super) fn labels(results: &ScanResults, bscan: usize) -> Vec<u8> {
    let mut labels = results.heights.mask(bscan);
    for (i, class) in results.lesions.pixels(bscan) {
        labels[i] = LAYERS as u8 + class;
    }
    labels
}

/// A frame: segment number and B-scan.
#[derive(Clone, Copy)]
struct Frame {
    segment: u16,
    bscan: usize,
}

/// The non-empty frames by segment, and their pixels: one bit each, lowest bit first, without gaps between frames
/// (PS3.5, 8.1.1).
fn frames(results: &ScanResults) -> (Vec<Frame>, Vec<u8>) {
    let (mut frames, mut bits) = (Vec::new(), BitPacker::default());
    for layer in Layer::ALL {
        // Drawn again for each layer: keeping all masks of a volume would take one byte per pixel.
        for bscan in 0..results.heights.bscans() {
            let mask = results.heights.mask(bscan);
            if mask.contains(&layer.class()) {
                frames.push(Frame { segment: u16::from(layer.class()), bscan });
                for class in mask {
                    bits.push(class == layer.class());
                }
            }
        }
    }
    let size = results.header.width * results.header.height;
    for lesion in Lesion::ALL {
        for bscan in (0..results.heights.bscans()).filter(|&bscan| results.lesions.shows(bscan, lesion)) {
            frames.push(Frame { segment: number(lesion).into(), bscan });
            let mut own = results.lesions.pixels(bscan).filter(|(_, class)| *class == lesion.class()).peekable();
            for i in 0..size {
                bits.push(own.next_if(|(at, _)| *at == i).is_some());
            }
        }
    }
    (frames, bits.finish())
}

#[derive(Default)]
struct BitPacker {
    bytes: Vec<u8>,
    partial: u8,
    count: u8,
}

impl BitPacker {
    fn push(&mut self, bit: bool) {
        self.partial |= u8::from(bit) << self.count;
        self.count += 1;
        if self.count == 8 {
            self.bytes.push(self.partial);
            (self.partial, self.count) = (0, 0);
        }
    }

    /// The complete bytes, padded to an even number.
    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.partial);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        self.bytes
    }
}

/// Functional groups shared by all frames.
pub(super) fn shared_groups(results: &ScanResults) -> Item {
    let (header, planes) = (results.header, results.origin.planes.as_ref());
    let mut groups = Vec::new();
    if let (Some(axial), Some(lateral)) = (header.axial, header.lateral) {
        let (axial_mm, lateral_mm) = (axial.mm(), lateral.mm());
        // A thickness is mandatory; a single B-scan gets the distance of its A-scans.
        let thickness_mm = planes.and_then(EnFace::of).and_then(|p| p.distance_mm).unwrap_or(lateral_mm);
        groups.push(segments::pixel_measures(axial_mm, lateral_mm, Some(thickness_mm)));
    }
    let directions = planes.and_then(FramePlanes::common_directions);
    groups.extend(directions.map(|d| segments::plane_orientation(d.along, d.down)));
    groups.extend(results.header.eye.map(segments::frame_anatomy));
    item(groups)
}

/// Functional groups of one frame; with a `segment` if the frame belongs to one.
pub(super) fn frame_groups(
    segment: Option<u16>,
    bscan: usize,
    results: &ScanResults,
    reference: &DicomReference,
) -> Item {
    let position = bscan as u32 + 1;
    let index = PrimitiveValue::U32(segment.map(u32::from).into_iter().chain([position]).collect());
    let content = item([
        string(tags::STACK_ID, VR::SH, "1"),
        DataElement::new(tags::IN_STACK_POSITION_NUMBER, VR::UL, PrimitiveValue::from(position)),
        DataElement::new(tags::DIMENSION_INDEX_VALUES, VR::UL, index),
    ]);
    let mut groups =
        vec![sequence(tags::FRAME_CONTENT_SEQUENCE, vec![content]), segments::derivation(reference, Some(bscan))];
    groups.extend(segment.map(segments::identification));
    let planes = results.origin.planes.as_ref();
    if let Some((planes, plane)) = planes.and_then(|planes| Some((planes, planes.frames.get(bscan)?))) {
        groups.push(segments::plane_position(plane.position));
        // The B-scans of a star have directions of their own.
        let own = planes.common_directions().is_none().then_some(plane.directions);
        groups.extend(own.map(|d| segments::plane_orientation(d.along, d.down)));
    }
    item(groups)
}

#[cfg(test)]
mod tests {
    use super::BitPacker;

    #[test]
    fn bits_fill_bytes_from_below_and_bytes_are_even() {
        let mut bits = BitPacker::default();
        for i in 0..17 {
            bits.push(i == 0 || i == 9 || i == 16);
        }
        assert_eq!(bits.finish(), [1, 2, 1, 0]);
    }
}
