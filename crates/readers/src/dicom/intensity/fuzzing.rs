//! A fuzz target of stored values and what says how to show them, without a file around them.

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, value::DataSetSequence};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{Intensity, Stored};

/// Tags with numbers as text.
const NUMBERS: [Tag; 4] = [tags::WINDOW_CENTER, tags::WINDOW_WIDTH, tags::RESCALE_SLOPE, tags::RESCALE_INTERCEPT];

/// Takes values from the start of an input.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((array, rest)) = self.0.split_first_chunk() else {
            self.0 = &[];
            return [0; N];
        };
        self.0 = rest;
        *array
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// A look-up table of at most 255 entries, in a sequence.
    fn table(&mut self, sequence: Tag) -> DataElement<InMemDicomObject> {
        let words = |words: Vec<u16>| PrimitiveValue::U16(words.into());
        let descriptor = (0..3).map(|_| self.word()).collect();
        let [count] = self.array();
        let data = (0..count).map(|_| self.word()).collect();
        let item = InMemDicomObject::from_element_iter([
            DataElement::new(tags::LUT_DESCRIPTOR, VR::US, words(descriptor)),
            DataElement::new(tags::LUT_DATA, VR::US, words(data)),
        ]);
        DataElement::new(sequence, VR::SQ, DataSetSequence::from(vec![item]))
    }
}

/// Shows one frame. The first byte says by its bits what else there is: signed values, an inverse presentation, padding, a
/// modality table, a VOI table, and two for the function of the window. The second byte says which of the four numbers
/// follow as 64-bit floats. The rest are values of 16 bits.
///
/// # Panics
/// If an intensity is outside 0 to 1.
pub fn intensity(bytes: &[u8]) {
    let mut input = Input(bytes);
    let [flags, present] = input.array();
    let has = |bit: u8| flags >> bit & 1 == 1;
    let mut object = InMemDicomObject::new_empty();
    for (_, tag) in NUMBERS.into_iter().enumerate().filter(|(bit, _)| present >> bit & 1 == 1) {
        let number = f64::from_le_bytes(input.array());
        object.put(DataElement::new(tag, VR::DS, PrimitiveValue::from(format!("{number:e}"))));
    }
    object.put(DataElement::new(tags::PIXEL_REPRESENTATION, VR::US, PrimitiveValue::from(u16::from(has(0)))));
    if has(1) {
        object.put(DataElement::new(tags::PRESENTATION_LUT_SHAPE, VR::CS, PrimitiveValue::from("INVERSE")));
    }
    if has(2) {
        for tag in [tags::PIXEL_PADDING_VALUE, tags::PIXEL_PADDING_RANGE_LIMIT] {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(input.word())));
        }
    }
    if has(3) {
        object.put(input.table(tags::MODALITY_LUT_SEQUENCE));
    }
    if has(4) {
        object.put(input.table(tags::VOILUT_SEQUENCE));
    }
    let function = ["LINEAR", "LINEAR_EXACT", "SIGMOID", "NONE"][usize::from(flags >> 5 & 3)];
    object.put(DataElement::new(tags::VOILUT_FUNCTION, VR::CS, PrimitiveValue::from(function)));
    let words = input.0.as_chunks::<2>().0.iter().map(|&word| u16::from_le_bytes(word));
    let (values, possible): (Vec<f32>, _) = if has(0) {
        (words.map(|word| f32::from(word.cast_signed())).collect(), (-32_768.0, 32_767.0))
    } else {
        (words.map(f32::from).collect(), (0.0, 65_535.0))
    };
    let intensity = Intensity::of(&object, 1);
    let stored = Stored { values, possible };
    let shown = Intensity::shown(&[(&intensity, 0, &stored)]);
    let found = intensity.display(0, &stored.values, shown);
    assert!(found.len() == stored.values.len() && found.iter().all(|grey| (0.0..=1.0).contains(grey)), "{shown:?}");
}

/// A window with a slope, an intercept, padding and both tables, and values.
#[cfg(test)]
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = [128.0_f64, 256.0, 0.5, -10.0].into_iter().flat_map(f64::to_le_bytes).collect();
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let table = [words(&[3, 10, 16]), vec![3], words(&[0, 300, 65_535])].concat();
    let values = words(&[0, 10, 11, 12, 255, 4095, 40_000, 65_535]);
    vec![
        [vec![0, 15], numbers.clone(), values.clone()].concat(),
        [vec![0b0101_1110, 15], numbers, words(&[60_000, 65_535]), table.clone(), table, values.clone()].concat(),
        [vec![1, 0], values].concat(),
    ]
}
