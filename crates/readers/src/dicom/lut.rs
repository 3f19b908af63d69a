//! Look-up tables (PS3.3, C.11.1.1.1 and C.11.2.1.1).

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::elements::numbers;

/// A look-up table of consecutive values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lut {
    /// The value that the first entry is for.
    first: f32,
    entries: Vec<f32>,
    /// The largest value that an entry can have.
    max: f32,
}

impl Lut {
    /// The table in an item; `None` if it is missing or contradicts its descriptor. `signed` says whether the values that
    /// are looked up can be negative.
    pub(super) fn of(item: &InMemDicomObject, signed: bool) -> Option<Self> {
        let &[count, first, bits] = numbers(item, tags::LUT_DESCRIPTOR)?.as_slice() else { return None };
        // The descriptor has 16 bits: it writes 65,536 as zero, and its second value has the sign of the pixels.
        let count = if count == 0.0 { 1 << 16 } else { (count.rem_euclid(65_536.0)) as usize };
        let first = if signed && first >= 32_768.0 { first - 65_536.0 } else { first };
        let bits = bits as u32;
        if !(8..=16).contains(&bits) {
            return None;
        }
        let data = item.get(tags::LUT_DATA)?.to_bytes().ok()?;
        let max = (1_u32 << bits) - 1;
        let entries: Vec<f32> = if data.len() >= 2 * count {
            data.as_chunks::<2>().0[..count].iter().map(|&b| f32::from(u16::from_le_bytes(b))).collect()
        } else if bits == 8 && data.len() >= count {
            data[..count].iter().map(|&b| f32::from(b)).collect()
        } else {
            return None;
        };
        let fits = entries.iter().all(|&v| v <= max as f32);
        fits.then_some(Self { first: first as f32, entries, max: max as f32 })
    }

    /// The entry for `value`; beyond the table, its first or last one.
    pub(super) fn at(&self, value: f32) -> f32 {
        let index = (value - self.first).round().clamp(0.0, (self.entries.len() - 1) as f32);
        self.entries[index as usize]
    }

    /// The largest value that an entry can have.
    pub(super) const fn max(&self) -> f32 {
        self.max
    }

    /// The smallest and the largest entry.
    pub(super) fn range(&self) -> (f32, f32) {
        let start = (f32::INFINITY, f32::NEG_INFINITY);
        self.entries.iter().fold(start, |(low, high), &v| (low.min(v), high.max(v)))
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR, smallvec::SmallVec};

    use super::*;

    fn table(descriptor: [u16; 3], vr: VR, data: PrimitiveValue) -> InMemDicomObject {
        let descriptor = PrimitiveValue::U16(SmallVec::from_slice(&descriptor));
        InMemDicomObject::from_element_iter([
            DataElement::new(tags::LUT_DESCRIPTOR, VR::US, descriptor),
            DataElement::new(tags::LUT_DATA, vr, data),
        ])
    }

    fn words(values: &[u16]) -> PrimitiveValue {
        PrimitiveValue::U16(SmallVec::from_slice(values))
    }

    #[test]
    fn values_beyond_the_table_have_its_first_or_last_entry() {
        let lut = Lut::of(&table([3, 10, 8], VR::US, words(&[5, 100, 200])), false).unwrap();
        let found: Vec<f32> = [-1.0, 10.0, 11.0, 12.0, 99.0].into_iter().map(|v| lut.at(v)).collect();
        assert_eq!(found, [5.0, 5.0, 100.0, 200.0, 200.0]);
        assert_eq!((lut.max(), lut.range()), (255.0, (5.0, 200.0)));
        let signed = Lut::of(&table([3, 0xfffe, 16], VR::US, words(&[1, 2, 3])), true).unwrap();
        assert!((signed.at(-1.0) - 2.0).abs() < 1e-6);
        let packed = PrimitiveValue::U8(SmallVec::from_slice(&[7, 8, 9, 10]));
        assert!((Lut::of(&table([4, 0, 8], VR::OW, packed), false).unwrap().at(2.0) - 9.0).abs() < 1e-6);
    }

    #[test]
    fn a_table_that_contradicts_its_descriptor_is_none() {
        for descriptor in [[4, 0, 16], [3, 0, 7], [3, 0, 17], [0, 0, 16]] {
            assert_eq!(Lut::of(&table(descriptor, VR::US, words(&[1, 2, 3])), false), None, "{descriptor:?}");
        }
        assert_eq!(Lut::of(&table([3, 0, 8], VR::US, words(&[1, 2, 300])), false), None);
        assert_eq!(Lut::of(&InMemDicomObject::new_empty(), false), None);
    }
}
