//! The functional groups of multi-frame objects (PS3.3, C.7.6.16), and what their elements hold.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

/// The groups of one object: what holds for all of its frames, and what each has of its own.
#[derive(Clone, Copy)]
pub(super) struct FunctionalGroups<'a> {
    frames: &'a [InMemDicomObject],
    shared: Option<&'a InMemDicomObject>,
}

impl<'a> FunctionalGroups<'a> {
    pub(super) fn of(object: &'a InMemDicomObject) -> Self {
        Self {
            frames: items(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE),
            shared: items(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).first(),
        }
    }

    /// The group `sequence` of `frame`: its own before the shared one.
    pub(super) fn group(self, frame: usize, sequence: Tag) -> Option<&'a InMemDicomObject> {
        let own = self.frames.get(frame).and_then(|f| items(f, sequence).first());
        own.or_else(|| self.shared.and_then(|s| items(s, sequence).first()))
    }

    /// The finite numbers of an element of the group `sequence` of `frame`.
    pub(super) fn numbers(self, frame: usize, sequence: Tag, tag: Tag) -> Option<Vec<f64>> {
        numbers(self.group(frame, sequence)?, tag)
    }
}

fn items(object: &InMemDicomObject, sequence: Tag) -> &[InMemDicomObject] {
    object.get(sequence).and_then(|e| e.items()).unwrap_or_default()
}

/// The finite numbers of an element; `None` of none.
pub(super) fn numbers(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    let values = object.get(tag)?.to_multi_float64().ok()?;
    (!values.is_empty() && values.iter().all(|v| v.is_finite())).then_some(values)
}
