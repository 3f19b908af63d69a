//! Spacing, eye and place of DICOM frames.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{
    eye,
    groups::{FunctionalGroups, numbers},
    is,
    location::Locations,
};
use crate::scan::{Eye, MILLIMETRE, Pattern, Place, Spacing, Track};

/// Least length, in the en-face plane, of the direction from A-scan to A-scan, which has length 1 in space.
const FLAT: f64 = 0.9;

/// What the functional groups say.
pub(super) struct Geometry {
    pub(super) axial: Option<Spacing>,
    pub(super) lateral: Option<Spacing>,
    pub(super) eye: Option<Eye>,
    pub(super) pattern: Pattern,
    pub(super) tracks: Vec<Track>,
    /// Where the frames lie on an image of the fundus, and millimetres to a pixel of it.
    pub(super) locations: Option<(Locations, Option<f64>)>,
}

impl Geometry {
    pub(super) fn of(object: &InMemDicomObject, width: usize, count: usize) -> Self {
        let groups = FunctionalGroups::of(object);
        let spacing = groups.numbers(0, tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
        // Only tomography has its depth along the rows; the spacing of a screenshot is that of the screen.
        let tomography = is(object, dicom_dictionary_std::uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE);
        let spacing = spacing.or_else(|| numbers(object, tags::PIXEL_SPACING).filter(|_| tomography));
        let at = |i: usize| Spacing::of_file(spacing.as_ref()?.get(i)? * MILLIMETRE);
        let (axial, lateral) = (at(0), at(1));

        let anatomy = groups.group(0, tags::FRAME_ANATOMY_SEQUENCE);
        let eye = anatomy
            .and_then(|a| eye(a, tags::FRAME_LATERALITY))
            .or_else(|| eye(object, tags::IMAGE_LATERALITY))
            .or_else(|| eye(object, tags::LATERALITY));
        let track = |frame: usize| {
            let position = groups.numbers(frame, tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT)?;
            let orientation =
                groups.numbers(frame, tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT)?;
            line(&position, &orientation, lateral?.mm(), width)
        };
        let tracks: Vec<Track> = (0..count).map_while(track).collect();
        let mut tracks = if tracks.len() == count { tracks } else { Vec::new() };
        let locations = Locations::of(groups, count);
        let pixel_mm = locations.as_ref().zip(lateral).and_then(|(l, lateral)| l.pixel_mm(lateral.mm() * width as f64));
        if let (Some(locations), Some(mm)) = (&locations, pixel_mm)
            && (tracks.is_empty() || locations.are_circles())
        {
            tracks = locations.tracks(mm);
        }
        let locations = locations.map(|l| (l, pixel_mm));
        Self { axial, lateral, eye, pattern: pattern(count, &tracks), tracks, locations }
    }
}

/// What the places imply: parallel lines are a volume, others through one middle a star.
fn pattern(count: usize, tracks: &[Track]) -> Pattern {
    if matches!(tracks, [Track::Circle { .. }]) {
        return Pattern::Circle;
    }
    let ends = |t: &Track| match *t {
        Track::Line { start, end } => Some((start, end)),
        Track::Circle { .. } => None,
    };
    let lines: Vec<(Place, Place)> = tracks.iter().filter_map(ends).collect();
    let Some(&(start, end)) = lines.first() else {
        return if count == 1 { Pattern::Line } else { Pattern::Unknown };
    };
    let (dx, dy, length) = (end.x - start.x, end.y - start.y, start.distance(end));
    let parallel =
        |&(a, b): &(Place, Place)| (dx * (b.y - a.y) - dy * (b.x - a.x)).abs() < 0.05 * length * a.distance(b);
    let middle = start.towards(end, 0.5);
    match lines.len() {
        1 => Pattern::Line,
        _ if lines.iter().all(parallel) => Pattern::RasterVolume,
        _ if lines.iter().all(|(a, b)| a.towards(*b, 0.5).distance(middle) < 0.1 * length) => Pattern::Radial,
        _ => Pattern::Unknown,
    }
}

/// Where a frame lies, seen from the front: patient coordinates run to the patient's left, which is to the right of the
/// picture, to the back, and up. The position is the centre of the first pixel.
fn line(position: &[f64], orientation: &[f64], step_mm: f64, width: usize) -> Option<Track> {
    let (&[x, _, z], &[right, _, up, ..]) = (position, orientation) else { return None };
    let length = right.hypot(up);
    if !(FLAT..1.1).contains(&length) || !x.is_finite() || !z.is_finite() {
        return None;
    }
    let at = |ascan: f64| Place { x: x + ascan * step_mm * right, y: -(z + ascan * step_mm * up) };
    Track::line(at(-0.5), at(width as f64 - 0.5))
}
