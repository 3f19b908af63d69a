//! Who the patient of a result is, by its DICOM objects.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::OpenFileOptions;

use super::PatientIdentity;

/// The object that every DICOM result has.
const FILE: &str = "measures.dcm";

/// The identity that the DICOM objects in the result `folder` state; `None` without any, as for scans of other formats.
#[must_use]
pub fn patient_identity(folder: &Path) -> Option<PatientIdentity> {
    let path = folder.join(FILE);
    let object = OpenFileOptions::new().read_until(tags::PATIENT_BIRTH_DATE).open_file(path).ok()?;
    let text = |tag: Tag| {
        let value = object.get(tag)?.to_str().ok()?;
        Some(value.trim().to_owned()).filter(|text| !text.is_empty())
    };
    Some(PatientIdentity { id: text(tags::PATIENT_ID), issuer: text(tags::ISSUER_OF_PATIENT_ID) })
}
