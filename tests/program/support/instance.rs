//! DICOM objects without pixels, for tests that read headers only.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

/// A tomography object of the series `series` with `frames` frames, and with `words` in its preamble.
pub(crate) fn instance(series: &str, frames: u32, words: &str) -> Vec<u8> {
    instance_of("", series, frames, words)
}

/// The same of the patient with the identifier `patient`.
pub(crate) fn instance_of(patient: &str, series: &str, frames: u32, words: &str) -> Vec<u8> {
    let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
    let object = InMemDicomObject::from_element_iter([
        text(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE),
        text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3"),
        text(tags::PATIENT_ID, VR::LO, patient),
        text(tags::SERIES_INSTANCE_UID, VR::UI, series),
        text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string()),
        DataElement::new(tags::ROWS, VR::US, PrimitiveValue::from(2_u16)),
    ]);
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut bytes = Vec::new();
    object.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
    bytes[..words.len()].copy_from_slice(words.as_bytes());
    bytes
}
