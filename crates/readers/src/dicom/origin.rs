//! Attributes of a DICOM file that derived objects repeat or refer to.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{elements::text, groups::FunctionalGroups, uid};

/// Attributes of patient and study, which are the same in every object of a study (PS3.3, C.7.1.1 and C.7.2.1).
const SUBJECT: [Tag; 15] = [
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::PATIENT_AGE,
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::STUDY_ID,
    tags::STUDY_DESCRIPTION,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
];

/// The DICOM object of a scan, or its series of single-frame objects.
#[derive(Clone, Debug)]
pub struct DicomOrigin {
    /// Identifiers; `None` if one is missing or invalid.
    pub reference: Option<DicomReference>,
    /// Attributes of patient and study, as far as present.
    pub subject: InMemDicomObject,
    /// UID of the frame of reference of the positions.
    pub frame_of_reference: Option<String>,
    /// Plane of each frame, if all frames state one.
    pub planes: Option<FramePlanes>,
    /// Whether the pixels went through lossy compression.
    pub lossy: bool,
}

/// Reference to a DICOM object, or to those of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DicomReference {
    /// SOP Class UID.
    pub class: String,
    /// SOP Instance UIDs: one; for a series, those of its B-scans in order; for a concatenation, those of its parts.
    pub instances: Vec<String>,
    /// B-scans in each instance.
    pub frames: Vec<usize>,
    /// Series Instance UID.
    pub series: String,
    /// Study Instance UID.
    pub study: String,
}

impl DicomReference {
    /// A text that is equal only for the same objects.
    #[must_use]
    pub fn key(&self) -> String {
        self.instances.join("\\")
    }

    /// The instance that holds the B-scan of that index, and the B-scan's index in it.
    #[must_use]
    pub fn of_bscan(&self, bscan: usize) -> Option<(&str, usize)> {
        let mut first = 0;
        for (instance, &frames) in self.instances.iter().zip(&self.frames) {
            if bscan < first + frames {
                return Some((instance, bscan - first));
            }
            first += frames;
        }
        None
    }
}

/// Planes of frames in patient coordinates, in millimetres (PS3.3, C.7.6.2.1.1).
#[derive(Clone, Debug, PartialEq)]
pub struct FramePlanes {
    /// Centre of the first pixel of each frame.
    pub positions: Vec<[f64; 3]>,
    /// Direction from A-scan to A-scan, the same in all frames.
    pub along: [f64; 3],
    /// Direction from sample to sample of an A-scan.
    pub down: [f64; 3],
}

impl DicomOrigin {
    pub(crate) fn of(object: &InMemDicomObject, frames: usize) -> Self {
        Self {
            reference: reference(object, frames),
            subject: InMemDicomObject::from_element_iter(
                SUBJECT.into_iter().filter_map(|tag| object.get(tag).cloned()),
            ),
            frame_of_reference: uid(object, tags::FRAME_OF_REFERENCE_UID),
            planes: planes(object, frames),
            lossy: text(object, tags::LOSSY_IMAGE_COMPRESSION).is_some_and(|l| l == "01"),
        }
    }

    /// The origin of a series, from those of its instances in order, which agree in patient, study and frame of
    /// reference.
    pub(crate) fn of_series(instances: Vec<Self>) -> Option<Self> {
        let mut instances = instances.into_iter();
        let mut joined = instances.next()?;
        for Self { reference, planes, lossy, .. } in instances {
            joined.lossy |= lossy;
            joined.reference = joined.reference.zip(reference).map(|(mut all, own)| {
                all.instances.extend(own.instances);
                all.frames.extend(own.frames);
                all
            });
            joined.planes = joined.planes.zip(planes).and_then(|(mut all, own)| {
                all.positions.extend(own.positions);
                ((all.along, all.down) == (own.along, own.down)).then_some(all)
            });
        }
        joined.planes = joined.planes.filter(|planes| !planes.is_dummy());
        Some(joined)
    }
}

impl FramePlanes {
    /// Whether all frames have one position, which writers repeat that know none.
    fn is_dummy(&self) -> bool {
        let same = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        self.positions.len() > 1 && self.positions.iter().all(|p| same(p, &self.positions[0]))
    }
}

fn reference(object: &InMemDicomObject, frames: usize) -> Option<DicomReference> {
    Some(DicomReference {
        class: uid(object, tags::SOP_CLASS_UID)?,
        instances: vec![uid(object, tags::SOP_INSTANCE_UID)?],
        frames: vec![frames],
        series: uid(object, tags::SERIES_INSTANCE_UID)?,
        study: uid(object, tags::STUDY_INSTANCE_UID)?,
    })
}

fn uid(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    uid::checked(&text(object, tag)?).map(str::to_owned)
}

fn planes(object: &InMemDicomObject, frames: usize) -> Option<FramePlanes> {
    let groups = FunctionalGroups::of(object);
    let position = |frame| <[f64; 3]>::try_from(groups.position(frame)?).ok();
    let orientation = |frame| groups.orientation(frame);
    let first = orientation(0)?;
    let &[a, b, c, d, e, f] = first.as_slice() else { return None };
    if (1..frames).any(|frame| orientation(frame).as_ref() != Some(&first)) {
        return None;
    }
    let positions: Vec<[f64; 3]> = (0..frames).map(position).collect::<Option<_>>()?;
    Some(FramePlanes { positions, along: [a, b, c], down: [d, e, f] }).filter(|planes| !planes.is_dummy())
}
