//! Functional groups of multi-frame objects (PS3.3, C.7.6.16).

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::elements::{items, number, numbers};

/// The groups of one object: those shared by all frames, and those of each frame.
#[derive(Clone, Copy)]
pub(crate) struct FunctionalGroups<'a> {
    frames: &'a [InMemDicomObject],
    shared: Option<&'a InMemDicomObject>,
    /// The object, if it has a single frame.
    single: Option<&'a InMemDicomObject>,
}

impl<'a> FunctionalGroups<'a> {
    pub(crate) fn of(object: &'a InMemDicomObject) -> Self {
        Self {
            frames: items(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE),
            shared: items(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first(),
            single: Some(object).filter(|o| number(o, tags::NUMBER_OF_FRAMES).unwrap_or(1) == 1),
        }
    }

    /// The group `sequence` of `frame`; its own wins over the shared one.
    pub(crate) fn group(self, frame: usize, sequence: Tag) -> Option<&'a InMemDicomObject> {
        let own = self.frames.get(frame).and_then(|f| items(f, sequence).first());
        own.or_else(|| self.shared.and_then(|s| items(s, sequence).first()))
    }

    /// Plane position of `frame`; for a single-frame object also its own (PS3.3, C.7.6.2).
    pub(crate) fn position(self, frame: usize) -> Option<Vec<f64>> {
        self.plane(frame, tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT)
    }

    /// Plane orientation of `frame`, likewise.
    pub(crate) fn orientation(self, frame: usize) -> Option<Vec<f64>> {
        self.plane(frame, tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT)
    }

    /// Whether this is a single-frame object that states its own position.
    pub(crate) fn is_plane(self) -> bool {
        let states = |tag| self.single.is_some_and(|object| numbers(object, tag).is_some());
        states(tags::IMAGE_POSITION_PATIENT) && states(tags::IMAGE_ORIENTATION_PATIENT)
    }

    fn plane(self, frame: usize, sequence: Tag, tag: Tag) -> Option<Vec<f64>> {
        self.numbers(frame, sequence, tag).or_else(|| numbers(self.single?, tag))
    }

    /// The finite numbers of an element of the group `sequence` of `frame`.
    pub(crate) fn numbers(self, frame: usize, sequence: Tag, tag: Tag) -> Option<Vec<f64>> {
        numbers(self.group(frame, sequence)?, tag)
    }
}
