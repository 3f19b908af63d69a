//! Values of DICOM elements.

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use octrls_core::scan::Eye;

/// The text of an element, up to a NUL: some writers leave garbage after it.
pub(crate) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let value = object.get(tag)?.to_str().ok()?;
    let text = value.split('\0').next().unwrap_or_default().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An element as a whole number.
pub(crate) fn number(object: &InMemDicomObject, tag: Tag) -> Option<u64> {
    object.get(tag)?.to_int().ok()
}

/// The finite numbers of an element; `None` if there are none.
pub(crate) fn numbers(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    let values = object.get(tag)?.to_multi_float64().ok()?;
    (!values.is_empty() && values.iter().all(|v| v.is_finite())).then_some(values)
}

/// The items of a sequence; empty if there are none.
pub(crate) fn items(object: &InMemDicomObject, sequence: Tag) -> &[InMemDicomObject] {
    object.get(sequence).and_then(|e| e.items()).unwrap_or_default()
}

/// The eye that an element of laterality names.
pub(crate) fn eye(object: &InMemDicomObject, tag: Tag) -> Option<Eye> {
    Eye::of_letter(&text(object, tag)?)
}

/// Whether the object is an Ophthalmic Tomography Image.
pub(crate) fn is_tomography(object: &InMemDicomObject) -> bool {
    text(object, tags::SOP_CLASS_UID).is_some_and(|uid| uid == uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE)
}
