//! Shorthands for elements, items and sequences.

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, value::DataSetSequence};
use dicom_object::InMemDicomObject;

pub(super) type Element = DataElement<InMemDicomObject>;
pub(super) type Item = InMemDicomObject;

pub(super) fn item(elements: impl IntoIterator<Item = Element>) -> Item {
    InMemDicomObject::from_element_iter(elements)
}

pub(super) fn sequence(tag: Tag, items: Vec<Item>) -> Element {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// An element with one string.
pub(super) fn string(tag: Tag, vr: VR, value: impl Into<String>) -> Element {
    DataElement::new(tag, vr, PrimitiveValue::from(value.into()))
}

/// An element with several strings.
pub(super) fn strings<T: ToString>(tag: Tag, vr: VR, values: impl IntoIterator<Item = T>) -> Element {
    DataElement::new(tag, vr, PrimitiveValue::Strs(values.into_iter().map(|v| v.to_string()).collect()))
}

/// Numbers as decimal strings.
pub(super) fn decimals(tag: Tag, values: &[f64]) -> Element {
    strings(tag, VR::DS, values.iter().map(|&v| decimal(v)))
}

/// A number as a decimal string, which has at most 16 characters (PS3.5, 6.2).
pub(super) fn decimal(value: f64) -> String {
    const MOST: usize = 16;
    let plain = value.to_string();
    if plain.len() <= MOST {
        return plain;
    }
    // Sign, digit, point and exponent leave room for eight decimals.
    let short = format!("{value:.8}");
    if short.len() <= MOST && value.abs() >= 1e-3 { short } else { format!("{value:.8e}") }
}

pub(super) fn word(tag: Tag, value: u16) -> Element {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

/// A whole number as an integer string.
pub(super) fn integer(tag: Tag, value: usize) -> Element {
    string(tag, VR::IS, value.to_string())
}

pub(super) fn empty(tag: Tag, vr: VR) -> Element {
    DataElement::empty(tag, vr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_their_field_and_keep_their_value() {
        for value in [0.0, -0.25, 3.87, 1.0 / 3.0, -1.0 / 3.0, 1e-9 / 3.0, -1e9 / 3.0, 123_456.789_012_345, -1e-300] {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            let read: f64 = text.parse().unwrap();
            assert!((read - value).abs() <= 1e-6 * value.abs().max(1e-3), "{value} {text}");
        }
    }
}
