//! What derived objects repeat of a DICOM file, or refer to.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{
    elements::text, groups::FunctionalGroups, lossy::LossyCompression, object::OpenObject, subject_attributes, uid,
};

/// The DICOM object of a scan, or its series of single-frame objects.
#[derive(Clone, Debug)]
pub struct DicomOrigin {
    /// Identifiers; `None` if one is missing or invalid.
    pub reference: Option<DicomReference>,
    /// Attributes of patient, study, trial and request, as far as present.
    pub subject: InMemDicomObject,
    /// UID of the frame of reference of the positions.
    pub frame_of_reference: Option<String>,
    /// Plane of each frame, if all frames state one.
    pub planes: Option<FramePlanes>,
    /// The lossy compression that the pixels went through; `None` without any.
    pub lossy: Option<LossyCompression>,
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
    /// The plane of each frame.
    pub frames: Vec<FramePlane>,
}

/// Plane of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FramePlane {
    /// Centre of the first pixel.
    pub position: [f64; 3],
    /// Where the frame points.
    pub directions: FrameDirections,
}

/// Directions of a frame, of length 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameDirections {
    /// From A-scan to A-scan.
    pub along: [f64; 3],
    /// From sample to sample of an A-scan.
    pub down: [f64; 3],
}

impl DicomOrigin {
    pub(crate) fn of(open: &OpenObject) -> Self {
        let (object, frames) = (&open.elements, open.shape.frames);
        Self {
            reference: reference(object, frames),
            subject: subject_attributes::of(object),
            frame_of_reference: uid(object, tags::FRAME_OF_REFERENCE_UID),
            planes: planes(object, frames),
            lossy: LossyCompression::of(open),
        }
    }

    /// The origin of a series, from those of its instances in order, which agree in patient, study and frame of
    /// reference.
    pub(crate) fn of_series(instances: Vec<Self>) -> Option<Self> {
        let mut instances = instances.into_iter();
        let mut joined = instances.next()?;
        for Self { reference, planes, lossy, .. } in instances {
            joined.lossy = joined.lossy.or(lossy);
            joined.reference = joined.reference.zip(reference).map(|(mut all, own)| {
                all.instances.extend(own.instances);
                all.frames.extend(own.frames);
                all
            });
            joined.planes = joined.planes.zip(planes).map(|(mut all, own)| {
                all.frames.extend(own.frames);
                all
            });
        }
        joined.planes = joined.planes.filter(|planes| !planes.is_dummy());
        Some(joined)
    }
}

impl FramePlanes {
    /// The directions of all frames, if they are the same, as those of a star are not.
    #[must_use]
    pub fn common_directions(&self) -> Option<FrameDirections> {
        let first = self.frames.first()?.directions;
        self.frames.iter().all(|frame| frame.directions == first).then_some(first)
    }

    /// Whether all frames have one position, which writers repeat that know none.
    fn is_dummy(&self) -> bool {
        let same = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        self.frames.len() > 1 && self.frames.iter().all(|f| same(&f.position, &self.frames[0].position))
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
    let plane = |frame| {
        let position = <[f64; 3]>::try_from(groups.position(frame)?).ok()?;
        let &[a, b, c, d, e, f] = groups.orientation(frame)?.as_slice() else { return None };
        Some(FramePlane { position, directions: FrameDirections { along: [a, b, c], down: [d, e, f] } })
    };
    let frames = (0..frames).map(plane).collect::<Option<_>>()?;
    Some(FramePlanes { frames }).filter(|planes| !planes.is_dummy())
}
