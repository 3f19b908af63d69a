//! What a file is to a scan, from its start and without its pixels: a scan of its own, a part of one, or a picture that
//! belongs to one.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_parser::dataset::LazyDataToken;
use octrls_fs::{digest::sha256, within::Within};

use super::{
    data_set::DataSet,
    errors::of_parser,
    meta::{FIRST, MAX_UID, recognises},
    uid,
};
use crate::{ReadError, sized_file::SizedFile};

/// Maximum bytes of a data set to read before it states its number of frames. Icons and private elements may come
/// first; the elements needed take about a hundred bytes.
const MAX_BYTES: u64 = 16 << 20;
/// Maximum parts of the data set to read before that: elements, items and their ends. Scans have a few hundred.
const MAX_TOKENS: usize = 1 << 16;

/// Pictures that scanners take along with B-scans (PS3.4, B.5): photographs, also of a wide field, the relation of stereo
/// pairs, en-face images, and maps and volumes that were computed from B-scans.
const COMPANIONS: [&str; 8] = [
    uids::OPHTHALMIC_PHOTOGRAPHY8_BIT_IMAGE_STORAGE,
    uids::OPHTHALMIC_PHOTOGRAPHY16_BIT_IMAGE_STORAGE,
    uids::STEREOMETRIC_RELATIONSHIP_STORAGE,
    uids::WIDE_FIELD_OPHTHALMIC_PHOTOGRAPHY_STEREOGRAPHIC_PROJECTION_IMAGE_STORAGE,
    uids::WIDE_FIELD_OPHTHALMIC_PHOTOGRAPHY3_D_COORDINATES_IMAGE_STORAGE,
    uids::OPHTHALMIC_OPTICAL_COHERENCE_TOMOGRAPHY_EN_FACE_IMAGE_STORAGE,
    uids::OPHTHALMIC_OPTICAL_COHERENCE_TOMOGRAPHY_BSCAN_VOLUME_ANALYSIS_STORAGE,
    uids::OPHTHALMIC_THICKNESS_MAP_STORAGE,
];

/// What a file is to a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A scan of its own, or no DICOM file, or broken.
    Scan,
    /// One of the files of a scan: a B-scan of a series, or a part of a concatenation.
    Instance(SeriesKey),
    /// A photograph or en-face image. It may appear in the report of a scan that refers to it, and has no B-scans itself.
    Companion,
}

/// Whether objects of a SOP class are pictures that belong to scans.
pub(super) fn is_companion(class: &str) -> bool {
    COMPANIONS.contains(&class)
}

/// Identity that the files of one scan in one folder share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Series Instance UID.
    series: String,
    /// SOP Class UID.
    class: String,
    /// Concatenation UID of a part of a concatenation; empty for a B-scan.
    concatenation: String,
}

impl SeriesKey {
    /// Whether the files are the parts of one concatenation.
    pub(crate) fn is_concatenation(&self) -> bool {
        !self.concatenation.is_empty()
    }
}

/// What the file at `path` is to a scan. Does not read the pixels.
///
/// # Errors
/// [`ReadError::Io`] when the file cannot be read.
pub fn role(path: &Path) -> Result<Role, ReadError> {
    Ok(role_and_identity(path, &Within::anywhere())?.0)
}

/// What the file at `path` is to a scan, and which instance it is. It is opened `within` what may be opened. Does not
/// read the pixels.
///
/// # Errors
/// [`ReadError::Io`] when the file cannot be read.
pub fn role_and_identity(path: &Path, within: &Within) -> Result<(Role, InstanceIdentity), ReadError> {
    // Broken structures can make the parser panic.
    let found = std::panic::catch_unwind(|| Beginning::read(path, within));
    match found {
        Ok(Ok(Some(beginning))) => {
            let identity = InstanceIdentity::of(&beginning);
            let role = if is_companion(&beginning.class) {
                Role::Companion
            } else {
                beginning.key().map_or(Role::Scan, Role::Instance)
            };
            Ok((role, identity))
        }
        Ok(Err(error @ ReadError::Io { .. })) => Err(error),
        Ok(Ok(None) | Err(_)) | Err(_) => Ok((Role::Scan, InstanceIdentity::default())),
    }
}

/// Which instance a DICOM file is, and whose, without telling whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceIdentity {
    /// SOP Instance UID; empty if the file states none.
    uid: String,
    /// The first bytes of the SHA-256 of the patient's identifier.
    patient: [u8; 8],
}

impl InstanceIdentity {
    fn of(beginning: &Beginning) -> Self {
        let digest = sha256(beginning.patient.as_bytes());
        let mut patient = [0; 8];
        patient.iter_mut().zip(digest.as_bytes()).for_each(|(byte, digit)| *byte = *digit);
        Self { uid: uid::checked(&beginning.instance).unwrap_or_default().to_owned(), patient }
    }

    /// SOP Instance UID; empty if the file states none.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether both are the same instance, but of different patients: one corrects the other.
    #[must_use]
    pub fn corrects(&self, other: &Self) -> bool {
        !self.uid.is_empty() && self.uid == other.uid && self.patient != other.patient
    }
}

/// The series that the file at `path` is one B-scan of, or the concatenation that it is a part of. A B-scan is a
/// single-frame DICOM image that is tomography or states its position in space. `None` for any other file, also if its
/// beginning is broken. Does not read the pixels.
///
/// # Errors
/// [`ReadError::Io`] when the file cannot be read.
pub fn series_key(path: &Path) -> Result<Option<SeriesKey>, ReadError> {
    series_key_within(path, &Within::anywhere())
}

/// As [`series_key`], of a file that is opened `within` what may be opened.
pub(crate) fn series_key_within(path: &Path, within: &Within) -> Result<Option<SeriesKey>, ReadError> {
    Ok(match role_and_identity(path, within)?.0 {
        Role::Instance(key) => Some(key),
        Role::Scan | Role::Companion => None,
    })
}

/// The first elements of a data set.
#[derive(Default)]
struct Beginning {
    class: String,
    instance: String,
    patient: String,
    series: String,
    concatenation: String,
    frames: String,
    position: bool,
    orientation: bool,
}

impl Beginning {
    /// Reads the file at `path`; `None` if it is no DICOM file.
    fn read(path: &Path, within: &Within) -> Result<Option<Self>, ReadError> {
        let file = SizedFile::open(path, within)?;
        if file.length() < FIRST || !recognises(&file.read(0, FIRST)?) {
            return Ok(None);
        }
        let mut data_set = DataSet::of(file, MAX_BYTES)?;
        let mut found = Self::default();
        for _ in 0..MAX_TOKENS {
            let outermost = data_set.depth() == 0;
            // A broken instance remains part of its series, so that the series fails instead of losing a B-scan.
            let Some(token) = data_set.next_unchecked()? else {
                // Only an image states its number of frames.
                return Ok(Some(found).filter(|found| is_companion(&found.class)));
            };
            let text = match &token {
                // All elements needed come before this one. A file cut off earlier has not stated its number of frames.
                LazyDataToken::ElementHeader(header) if outermost && header.tag > tags::NUMBER_OF_FRAMES => {
                    return Ok(Some(found));
                }
                LazyDataToken::LazyValue { header, .. } if outermost => {
                    let length = u64::from(header.len.0);
                    found.position |= header.tag == tags::IMAGE_POSITION_PATIENT && length > 0;
                    found.orientation |= header.tag == tags::IMAGE_ORIENTATION_PATIENT && length > 0;
                    found.text(header.tag).filter(|_| length <= MAX_UID)
                }
                _ => None,
            };
            if let Some(text) = text {
                let value = token.into_value().map_err(|e| of_parser(&e))?;
                value.to_str().trim_matches(['\0', ' ']).clone_into(text);
            } else {
                token.skip().map_err(|e| of_parser(&e))?;
            }
        }
        // What no scanner writes is left to the reader to refuse.
        Ok(None)
    }

    fn text(&mut self, tag: Tag) -> Option<&mut String> {
        match tag {
            tags::SOP_CLASS_UID => Some(&mut self.class),
            tags::SOP_INSTANCE_UID => Some(&mut self.instance),
            tags::PATIENT_ID => Some(&mut self.patient),
            tags::SERIES_INSTANCE_UID => Some(&mut self.series),
            tags::CONCATENATION_UID => Some(&mut self.concatenation),
            tags::NUMBER_OF_FRAMES => Some(&mut self.frames),
            _ => None,
        }
    }

    fn key(self) -> Option<SeriesKey> {
        let one = matches!(self.frames.as_str(), "" | "1");
        let placed = self.position && self.orientation;
        let tomography = self.class == uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE;
        let (series, class) = (uid::checked(&self.series)?.to_owned(), uid::checked(&self.class)?.to_owned());
        let concatenation = uid::checked(&self.concatenation).unwrap_or_default().to_owned();
        let is_part = !concatenation.is_empty() || (one && (tomography || placed));
        is_part.then_some(SeriesKey { series, class, concatenation })
    }
}
