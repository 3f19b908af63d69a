//! The common part of all objects: patient, study, series, equipment, identifiers, and encoding as a file.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::FileMetaTableBuilder;
use octrls_fs::digest::sha256;
use octrls_readers::{
    DicomReference,
    dicom::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION},
};

use super::{
    ScanResults, codes,
    elements::{Element, Item, empty, integer, sequence, string},
};
use crate::{OutputError, record::DicomObjectRecord};

/// Elements that every object of a study repeats, even if they are empty (Type 2).
const REQUIRED: [(Tag, VR); 8] = [
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::STUDY_ID, VR::SH),
    (tags::ACCESSION_NUMBER, VR::SH),
];
const MANUFACTURER: &str = "OCT-RLS";

/// The kinds of object; each is a series of its own.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Surfaces,
    Masks,
    Measures,
    Report,
    LabelMap,
}

impl Kind {
    const fn file(self) -> &'static str {
        match self {
            Self::Surfaces => "surfaces.dcm",
            Self::Masks => "masks.dcm",
            Self::Measures => "measures.dcm",
            Self::Report => "report.dcm",
            Self::LabelMap => "label-map.dcm",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Surfaces => uids::HEIGHT_MAP_SEGMENTATION_STORAGE,
            Self::Masks => uids::SEGMENTATION_STORAGE,
            Self::Measures => uids::COMPREHENSIVE_SR_STORAGE,
            Self::Report => uids::ENCAPSULATED_PDF_STORAGE,
            Self::LabelMap => uids::LABEL_MAP_SEGMENTATION_STORAGE,
        }
    }

    const fn modality(self) -> &'static str {
        match self {
            Self::Surfaces | Self::Masks | Self::LabelMap => "SEG",
            Self::Measures => "SR",
            Self::Report => "DOC",
        }
    }

    const fn series_description(self) -> &'static str {
        match self {
            Self::Surfaces => "Retinal layer boundaries",
            Self::Masks => "Retinal layer masks",
            Self::Measures => "Retinal layer thickness",
            Self::Report => "Retinal layer report",
            Self::LabelMap => "Retinal layer label map",
        }
    }

    /// High numbers, to sort after the scanner's own series.
    const fn series_number(self) -> usize {
        9001 + self as usize
    }
}

/// An object under construction.
pub(super) struct Object {
    pub(super) elements: Item,
    kind: Kind,
    instance: String,
    series: String,
}

impl Object {
    /// A new object of `kind` with the common elements.
    pub(super) fn new(kind: Kind, results: &ScanResults, reference: &DicomReference) -> Self {
        let identity = results.identity(reference);
        let (instance, series) = (uid(&[&identity, kind.file(), "instance"]), uid(&[&identity, kind.file(), "series"]));
        let mut elements = results.origin.subject.clone();
        for (tag, vr) in REQUIRED {
            if elements.get(tag).is_none() {
                elements.put(empty(tag, vr));
            }
        }
        if elements.get(tags::REFERRING_PHYSICIAN_NAME).is_none() {
            elements.put(empty(tags::REFERRING_PHYSICIAN_NAME, VR::PN));
        }
        let model = results.record.model;
        let created = results.record.created.to_zoned(jiff::tz::TimeZone::system());
        let own = [
            string(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
            string(tags::SOP_CLASS_UID, VR::UI, kind.class()),
            string(tags::SOP_INSTANCE_UID, VR::UI, instance.clone()),
            string(tags::SERIES_INSTANCE_UID, VR::UI, series.clone()),
            string(tags::MODALITY, VR::CS, kind.modality()),
            string(tags::SERIES_DESCRIPTION, VR::LO, kind.series_description()),
            integer(tags::SERIES_NUMBER, kind.series_number()),
            integer(tags::INSTANCE_NUMBER, 1),
            string(tags::CONTENT_DATE, VR::DA, created.strftime("%Y%m%d").to_string()),
            string(tags::CONTENT_TIME, VR::TM, created.strftime("%H%M%S").to_string()),
            string(tags::MANUFACTURER, VR::LO, MANUFACTURER),
            string(tags::MANUFACTURER_MODEL_NAME, VR::LO, model.name()),
            // Software has no serial number; the hash of the model file identifies it best.
            string(tags::DEVICE_SERIAL_NUMBER, VR::LO, model.sha256().get(..16).unwrap_or_default()),
            string(tags::SOFTWARE_VERSIONS, VR::LO, format!("octrls {}, {}", results.record.octrls, model.version())),
            codes::own_scheme(),
        ];
        let mut object = Self { elements, kind, instance, series };
        object.put(own);
        object
    }

    pub(super) fn put(&mut self, elements: impl IntoIterator<Item = Element>) {
        for element in elements {
            self.elements.put(element);
        }
    }

    pub(super) fn record(&self) -> DicomObjectRecord {
        DicomObjectRecord {
            file: self.kind.file(),
            sop_class_uid: self.kind.class(),
            sop_instance_uid: self.instance.clone(),
            series_instance_uid: self.series.clone(),
        }
    }

    /// Encodes the object as a file.
    pub(super) fn encode(self) -> Result<super::File, OutputError> {
        let file = self.kind.file();
        let failed = |e: &dyn std::error::Error| OutputError::Encode { file: file.to_owned(), reason: e.to_string() };
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(self.kind.class())
            .media_storage_sop_instance_uid(self.instance)
            .implementation_class_uid(IMPLEMENTATION_CLASS)
            .implementation_version_name(IMPLEMENTATION_VERSION);
        let object = self.elements.with_meta(meta).map_err(|e| failed(&e))?;
        let mut bytes = Vec::new();
        object.write_all(&mut bytes).map_err(|e| failed(&e))?;
        Ok((file, bytes))
    }
}

/// An identifier derived from `parts`: a UUID of their hash, in the form of PS3.5, B.2.
pub(super) fn uid(parts: &[&str]) -> String {
    const HEX_OF_A_UUID: usize = 32;
    let hash = sha256(parts.join("\n").as_bytes());
    let bits = u128::from_str_radix(&hash[..HEX_OF_A_UUID], 16).unwrap_or_default();
    // Version 8, variant 1 (RFC 9562).
    let version = (bits & !(0xf << 76)) | (0x8 << 76);
    let uuid = (version & !(0x3 << 62)) | (0x2 << 62);
    format!("2.25.{uuid}")
}

/// Series and instances of the scan, as listed by every derived object.
pub(super) fn referenced_series(reference: &DicomReference) -> Element {
    let instances = sequence(tags::REFERENCED_INSTANCE_SEQUENCE, referenced(reference));
    let series = string(tags::SERIES_INSTANCE_UID, VR::UI, reference.series.clone());
    sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![super::elements::item([series, instances])])
}

/// Class and instance of each object of the scan.
pub(super) fn referenced(reference: &DicomReference) -> Vec<Item> {
    reference.instances.iter().map(|instance| instance_reference(&reference.class, instance)).collect()
}

/// The scan's objects as processed source images.
pub(super) fn source_images(reference: &DicomReference) -> Vec<Item> {
    let source = |mut image: Item| {
        image.put(codes::SOURCE_IMAGE.sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE));
        image
    };
    referenced(reference).into_iter().map(source).collect()
}

/// The B-scan of that index as a source image: a frame of an object, or an object of its own.
pub(super) fn source_bscan(reference: &DicomReference, bscan: usize) -> Item {
    let (instance, frame) = reference.of_bscan(bscan).unwrap_or_default();
    // The B-scans of a series are objects of their own.
    let is_frame = reference.instances.len() == 1 || reference.frames.iter().any(|&frames| frames > 1);
    let mut image = instance_reference(&reference.class, instance);
    image.put(codes::SOURCE_IMAGE.sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE));
    if is_frame {
        image.put(integer(tags::REFERENCED_FRAME_NUMBER, frame + 1));
    }
    image
}

fn instance_reference(class: &str, instance: &str) -> Item {
    super::elements::item([
        string(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class),
        string(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance),
    ])
}

#[cfg(test)]
mod tests {
    use super::uid;

    #[test]
    fn identifiers_are_valid_and_follow_from_their_parts() {
        let a = uid(&["a", "b"]);
        assert_eq!(a, uid(&["a", "b"]));
        assert!(a != uid(&["a", "c"]) && a != uid(&["ab"]));
        assert!(a.len() <= 64 && a.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let bits: u128 = a.strip_prefix("2.25.").unwrap().parse().unwrap();
        assert_eq!((bits >> 76 & 0xf, bits >> 62 & 0x3), (8, 2));
    }
}
