//! The common part of all objects: patient, study, series, equipment, identifiers, and encoding as a file.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::FileMetaTableBuilder;
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;
use jiff::tz::{Offset, TimeZone};
use octrls_core::scan::Eye;
use octrls_fs::digest::sha256;
use octrls_readers::{
    DicomReference,
    dicom::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION},
};

use super::{
    ScanResults, codes,
    earlier::EarlierObjects,
    elements::{Element, Item, empty, integer, item, sequence, string},
};
use crate::{
    OutputError,
    record::{DicomObjectRecord, ObjectReference, ResultRecord},
};

/// Elements that every object of a study repeats, even if they are empty (Type 2).
const REQUIRED: [(Tag, VR); 9] = [
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::STUDY_ID, VR::SH),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
];

/// A module that some objects have: elements that bring it in, and its elements of Type 2.
struct OptionalModule {
    members: &'static [Tag],
    required: &'static [(Tag, VR)],
}

/// The modules of clinical trials (PS3.3, C.7.1.3 and C.7.2.3).
const TRIAL_MODULES: [OptionalModule; 2] = [
    OptionalModule {
        members: &[tags::CLINICAL_TRIAL_SPONSOR_NAME, tags::CLINICAL_TRIAL_PROTOCOL_ID],
        required: &[
            (tags::CLINICAL_TRIAL_PROTOCOL_NAME, VR::LO),
            (tags::CLINICAL_TRIAL_SITE_ID, VR::LO),
            (tags::CLINICAL_TRIAL_SITE_NAME, VR::LO),
        ],
    },
    OptionalModule {
        members: &[tags::CLINICAL_TRIAL_TIME_POINT_DESCRIPTION, tags::LONGITUDINAL_TEMPORAL_OFFSET_FROM_EVENT],
        required: &[(tags::CLINICAL_TRIAL_TIME_POINT_ID, VR::LO)],
    },
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

    const fn is_image(self) -> bool {
        matches!(self, Self::Surfaces | Self::Masks | Self::LabelMap)
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
    series: String,
    /// Where the object is stored.
    study: String,
    /// Digest of an encapsulated document, without its time of creation.
    document: Option<String>,
}

/// An object and its description.
pub(super) struct Finished {
    pub(super) file: super::File,
    pub(super) record: DicomObjectRecord,
}

impl Object {
    /// A new object of `kind` with the common elements.
    pub(super) fn new(kind: Kind, results: &ScanResults, reference: &DicomReference) -> Self {
        let series = uid(&[&results.identity(reference), kind.file(), "series"]);
        let elements = subject(&results.origin.subject);
        let model = results.record.model;
        let created = results.record.created.to_zoned(time_zone(&elements));
        let own = [
            string(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
            string(tags::SOP_CLASS_UID, VR::UI, kind.class()),
            string(tags::SERIES_INSTANCE_UID, VR::UI, series.clone()),
            string(tags::MODALITY, VR::CS, kind.modality()),
            string(tags::SERIES_DESCRIPTION, VR::LO, series_description(kind, results.record)),
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
        let mut object = Self { elements, kind, series, study: reference.study.clone(), document: None };
        object.put(own);
        object
    }

    pub(super) fn put(&mut self, elements: impl IntoIterator<Item = Element>) {
        for element in elements {
            self.elements.put(element);
        }
    }

    /// Puts a document whose content has the digest `digest`, whenever it was created.
    pub(super) fn put_document(&mut self, elements: impl IntoIterator<Item = Element>, digest: &str) {
        self.document = Some(digest.to_owned());
        self.put(elements);
    }

    /// Gives the object its identifier, which follows its content, and encodes it as a file. It replaces the object of its
    /// kind among `earlier` if it differs from it.
    pub(super) fn finish(mut self, earlier: &EarlierObjects) -> Result<Finished, OutputError> {
        let (file, class) = (self.kind.file(), self.kind.class());
        let content = self.content_digest()?;
        let earlier = earlier.get(file).filter(|earlier| earlier.sop_class_uid == class);
        let (instance, replaces) = match earlier {
            Some(same) if same.content_sha256.as_deref() == Some(content.as_str()) => {
                (same.sop_instance_uid.clone(), same.replaces.clone())
            }
            // A content that returns after another one is a new version, too: archives show the last.
            Some(other) => {
                let replaced = ObjectReference {
                    sop_instance_uid: other.sop_instance_uid.clone(),
                    series_instance_uid: other.series_instance_uid.clone(),
                };
                (uid(&[&content, "replaces", &replaced.sop_instance_uid]), Some(replaced))
            }
            None => (uid(&[&content, "instance"]), None),
        };
        if let Some(replaced) = &replaces {
            let predecessor = self.predecessor(replaced);
            self.elements.put(predecessor);
        }
        self.elements.put(string(tags::SOP_INSTANCE_UID, VR::UI, instance.clone()));
        let record = DicomObjectRecord {
            file: file.to_owned(),
            sop_class_uid: class.to_owned(),
            sop_instance_uid: instance.clone(),
            series_instance_uid: self.series,
            content_sha256: Some(content),
            replaces,
        };
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(class)
            .media_storage_sop_instance_uid(instance)
            .implementation_class_uid(IMPLEMENTATION_CLASS)
            .implementation_version_name(IMPLEMENTATION_VERSION);
        let object = self.elements.with_meta(meta).map_err(|e| encode_error(file, &e))?;
        let mut bytes = Vec::new();
        object.write_all(&mut bytes).map_err(|e| encode_error(file, &e))?;
        Ok(Finished { file: (file, bytes), record })
    }

    /// SHA-256 of the content: of everything but the time of creation.
    fn content_digest(&mut self) -> Result<String, OutputError> {
        let mut left_out = vec![tags::CONTENT_DATE, tags::CONTENT_TIME];
        if self.document.is_some() {
            left_out.extend([tags::ENCAPSULATED_DOCUMENT, tags::ENCAPSULATED_DOCUMENT_LENGTH]);
        }
        let taken: Vec<Element> = left_out.into_iter().filter_map(|tag| self.elements.take(tag)).collect();
        let mut bytes = Vec::new();
        let syntax = EXPLICIT_VR_LITTLE_ENDIAN.erased();
        self.elements.write_dataset_with_ts(&mut bytes, &syntax).map_err(|e| encode_error(self.kind.file(), &e))?;
        bytes.extend(self.document.iter().flat_map(|digest| digest.bytes()));
        self.put(taken);
        Ok(sha256(&bytes))
    }

    /// The element that names the version that this object replaces.
    fn predecessor(&self, replaced: &ObjectReference) -> Element {
        let instance = instance_reference(self.kind.class(), &replaced.sop_instance_uid);
        if self.kind.is_image() {
            let mut instance = instance;
            instance.put(codes::REPLACED_VERSION.sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE));
            return sequence(tags::REFERENCED_INSTANCE_SEQUENCE, vec![instance]);
        }
        let series = item([
            string(tags::SERIES_INSTANCE_UID, VR::UI, replaced.series_instance_uid.clone()),
            sequence(tags::REFERENCED_SOP_SEQUENCE, vec![instance]),
        ]);
        let study = item([
            string(tags::STUDY_INSTANCE_UID, VR::UI, self.study.clone()),
            sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![series]),
        ]);
        sequence(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, vec![study])
    }
}

fn encode_error(file: &str, error: &dyn std::error::Error) -> OutputError {
    OutputError::Encode { file: file.to_owned(), reason: error.to_string() }
}

/// The scan's attributes of patient, study and trial, with those of their modules that may be empty but not absent.
fn subject(stated: &Item) -> Item {
    let mut elements = stated.clone();
    let mut complete = |required: &[(Tag, VR)]| {
        for &(tag, vr) in required {
            if elements.get(tag).is_none() {
                elements.put(empty(tag, vr));
            }
        }
    };
    complete(&REQUIRED);
    for OptionalModule { members, required } in TRIAL_MODULES {
        if members.iter().any(|&tag| stated.get(tag).is_some()) {
            complete(required);
        }
    }
    elements
}

/// The time zone of the scan's times, which all times of its study share; that of this computer if it is not stated.
fn time_zone(subject: &Item) -> TimeZone {
    let stated = subject.get(tags::TIMEZONE_OFFSET_FROM_UTC).and_then(|element| element.to_str().ok());
    let offset = stated.and_then(|text| {
        let (sign, digits) = match text.trim().split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        let number = |part: Option<&str>| part?.parse::<i32>().ok();
        let (hours, minutes) = (number(digits.get(..2))?, number(digits.get(2..))?);
        Offset::from_seconds(sign * (3600 * hours + 60 * minutes)).ok()
    });
    offset.map_or_else(TimeZone::system, TimeZone::fixed)
}

/// The side of an eye as a code string.
pub(super) const fn side(eye: Eye) -> &'static str {
    match eye {
        Eye::Right => "R",
        Eye::Left => "L",
    }
}

/// The side that a whole image shows.
pub(super) fn image_laterality(eye: Eye) -> Element {
    string(tags::IMAGE_LATERALITY, VR::CS, side(eye))
}

/// What the series holds, and whether a person corrected it.
fn series_description(kind: Kind, record: &ResultRecord<'_>) -> String {
    let corrected = if record.correction.is_some() { ", corrected by hand" } else { "" };
    format!("{}{corrected}", kind.series_description())
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
    sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![item([series, instances])])
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
    item([
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
