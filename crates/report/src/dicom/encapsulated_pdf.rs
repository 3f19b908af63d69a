//! Encapsulated PDF: the report (PS3.3, A.45.1).

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_readers::DicomReference;

use super::{
    ScanResults, codes,
    elements::{empty, sequence, string},
    object::{Kind, Object, image_laterality, source_images},
};
use crate::pages::RenderedReport;

pub(super) fn object(results: &ScanResults, reference: &DicomReference, report: &RenderedReport) -> Object {
    let mut object = Object::new(Kind::Report, results, reference);
    let pdf = &report.pdf;
    let mut bytes = pdf.clone();
    bytes.resize(pdf.len().next_multiple_of(2), 0);
    let elements = [
        string(tags::CONVERSION_TYPE, VR::CS, "WSD"),
        empty(tags::ACQUISITION_DATE_TIME, VR::DT),
        // The report shows the file name of the scan, which may identify the patient.
        string(tags::BURNED_IN_ANNOTATION, VR::CS, "YES"),
        string(tags::DOCUMENT_TITLE, VR::ST, "OCT retinal layer report"),
        codes::IMAGING_REPORT.sequence(tags::CONCEPT_NAME_CODE_SEQUENCE),
        sequence(tags::SOURCE_INSTANCE_SEQUENCE, source_images(reference)),
        string(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, VR::LO, "application/pdf"),
        DataElement::new(tags::ENCAPSULATED_DOCUMENT_LENGTH, VR::UL, PrimitiveValue::from(pdf.len() as u32)),
        DataElement::new(tags::ENCAPSULATED_DOCUMENT, VR::OB, PrimitiveValue::from(bytes)),
    ];
    object.put_document(elements, &report.content_sha256);
    object.put(results.header.eye.map(image_laterality));
    object
}
