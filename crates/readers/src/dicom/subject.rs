//! Patient, acquisition time, scanner and its settings of a DICOM object. DICOM states times in the scanner's time zone.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use octrls_core::scan::{Acquisition, Clock, Moment, ScanSettings, Subject};

use super::{
    elements::{numbers, text},
    groups::FunctionalGroups,
};

/// The patient of an object, and `acquisition` of it; `None` without a time.
pub(crate) fn of(object: &InMemDicomObject, acquisition: &Acquisition) -> Option<Subject> {
    let string = |tag| text(object, tag).unwrap_or_default();
    let issuer = string(tags::ISSUER_OF_PATIENT_ID);
    Subject::new(&string(tags::PATIENT_ID), &issuer, acquisition.at?, &acquisition.device)
}

/// Time and scanner of an object. The time is that of the acquisition (PS3.3, C.7.6.16.2.2 and C.8.17.7), else that of
/// the study.
pub(crate) fn acquisition(object: &InMemDicomObject) -> Acquisition {
    let string = |tag| text(object, tag).unwrap_or_default();
    let frame = FunctionalGroups::of(object).group(0, tags::FRAME_CONTENT_SEQUENCE);
    let acquired = frame
        .and_then(|f| combined(&text(f, tags::FRAME_ACQUISITION_DATE_TIME)?))
        .or_else(|| combined(&text(object, tags::ACQUISITION_DATE_TIME)?))
        .or_else(|| separate(object, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME))
        .or_else(|| separate(object, tags::STUDY_DATE, tags::STUDY_TIME));
    let device = format!("{} {}", string(tags::MANUFACTURER), string(tags::MANUFACTURER_MODEL_NAME));
    Acquisition { at: acquired, clock: Clock::Local, device: device.trim().to_owned() }
}

/// Settings of the scanner. Objects of ophthalmic tomography state no averaging and no enhanced depth.
pub(crate) fn settings(object: &InMemDicomObject) -> ScanSettings {
    let one = |tag| numbers(object, tag).and_then(|values| values.first().copied());
    ScanSettings {
        averaged: None,
        software: text(object, tags::SOFTWARE_VERSIONS).map(|versions| versions.replace('\\', ", ")),
        serial: text(object, tags::DEVICE_SERIAL_NUMBER),
        enhanced_depth: None,
        focus_dpt: None,
        angle_deg: one(tags::HORIZONTAL_FIELD_OF_VIEW),
        axial_length_mm: one(tags::AXIAL_LENGTH_OF_THE_EYE),
    }
    .plausible()
}

/// Parses a combined date and time: digits, then an optional fraction and time zone.
fn combined(value: &str) -> Option<Moment> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).map_or(value, |end| &value[..end]);
    Moment::of_digits(digits.get(..8)?, &digits[8..])
}

/// Date and time in elements of their own.
fn separate(object: &InMemDicomObject, date: Tag, time: Tag) -> Option<Moment> {
    Moment::of_digits(&text(object, date)?, &text(object, time).unwrap_or_default())
}
