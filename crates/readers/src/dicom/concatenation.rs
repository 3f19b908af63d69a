//! Concatenations: one multi-frame object, split into several (PS3.3, C.7.6.16.2.2.4).

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{
    elements::{number, text},
    object::{OpenObject, Shape},
    uid,
};
use crate::ReadError;

/// Maximum parts of a concatenation.
const MAX_PARTS: u64 = 4096;

/// The place of an object in its concatenation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartPlace {
    /// Concatenation UID.
    concatenation: String,
    /// Number of the part; 1 is the first.
    pub(crate) number: u64,
    /// Number of all parts, if stated.
    total: Option<u64>,
    /// Frames in the parts before this one, if stated.
    offset: Option<u64>,
}

impl PartPlace {
    /// The place that `object` states; `None` if it is no part of a concatenation.
    ///
    /// # Errors
    /// [`ReadError::Series`] if it is a part and does not state which.
    pub(super) fn of(object: &InMemDicomObject) -> Result<Option<Self>, ReadError> {
        let concatenation = text(object, tags::CONCATENATION_UID).and_then(|uid| Some(uid::checked(&uid)?.to_owned()));
        let Some(concatenation) = concatenation else { return Ok(None) };
        let number_of = number(object, tags::IN_CONCATENATION_NUMBER).filter(|number| (1..=MAX_PARTS).contains(number));
        let Some(number_of) = number_of else {
            return Err(ReadError::Series("a part of a concatenation does not state its number".to_owned()));
        };
        let total = number(object, tags::IN_CONCATENATION_TOTAL_NUMBER).filter(|total| (1..=MAX_PARTS).contains(total));
        let offset = number(object, tags::CONCATENATION_FRAME_OFFSET_NUMBER);
        Ok(Some(Self { concatenation, number: number_of, total, offset }))
    }
}

/// Checks objects that are sorted by number: a single one, or the parts of one concatenation. Returns whether it is a part
/// whose others are missing, or may be.
///
/// # Errors
/// [`ReadError::Incomplete`] if parts are missing, unless they may; [`ReadError::Series`] if they contradict each other.
pub(super) fn check(parts: &[(Option<&PartPlace>, &OpenObject)], allow_missing: bool) -> Result<bool, ReadError> {
    let contradict = |what: &str| Err(ReadError::Series(format!("the parts of the concatenation {what}")));
    let places: Vec<&PartPlace> = parts.iter().filter_map(|(place, _)| *place).collect();
    let (Some(first), Some((_, first_object))) = (places.first(), parts.first()) else {
        return if parts.len() > 1 { contradict("do not belong together") } else { Ok(false) };
    };
    let same = |tag, object: &OpenObject| text(&object.elements, tag) == text(&first_object.elements, tag);
    let mut frames = 0;
    for (i, (place, object)) in parts.iter().enumerate() {
        let Some(place) = place.filter(|place| place.concatenation == first.concatenation) else {
            return contradict("do not belong together");
        };
        let Shape { width, height, .. } = object.shape;
        if !same(tags::PATIENT_ID, object) || !same(tags::STUDY_INSTANCE_UID, object) {
            return contradict("are of different patients or studies");
        } else if (width, height) != (first_object.shape.width, first_object.shape.height) {
            return contradict("have frames of different sizes");
        } else if place.total != first.total {
            return contradict("state different numbers of parts");
        } else if i > 0 && places[i - 1].number == place.number {
            return contradict("have the same number twice");
        }
        let follows = place.number == i as u64 + 1;
        if follows && place.offset.is_some_and(|offset| offset != frames) {
            return contradict("do not have as many frames as they state");
        }
        frames += object.shape.frames as u64;
    }
    let present = places.len();
    let last = places.last().map_or(0, |place| place.number);
    let listed = first.total.unwrap_or(last).max(last) as usize;
    if present < listed && !allow_missing {
        return Err(ReadError::Incomplete { present, listed });
    }
    // Without a total, the first part may be all of it.
    Ok(present < listed || (first.total.is_none() && present == 1))
}
