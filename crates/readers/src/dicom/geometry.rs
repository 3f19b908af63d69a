//! Spacing, eye and position of DICOM frames.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use octrls_core::scan::{BScanPosition, Eye, MILLIMETRE, Note, Pattern, Place, Provenance, ScanHeader, Spacing};

use super::{
    elements::{eye, is_tomography, numbers},
    groups::FunctionalGroups,
    locations::{Locations, ScaledLocations},
    object::Shape,
};
use crate::{header_ext::HeaderExt as _, sidecar::Hints};

/// Minimum length, in the en-face plane, of the direction from A-scan to A-scan, which has length 1 in space.
const FLAT: f64 = 0.9;

/// Geometry of all frames.
pub(crate) struct Geometry {
    axial: Option<Spacing>,
    lateral: Option<Spacing>,
    eye: StatedEye,
    pattern: Pattern,
    tracks: Vec<BScanPosition>,
    pub(crate) locations: Option<ScaledLocations>,
}

/// The eye that an object states, in any of the elements that can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatedEye {
    #[default]
    None,
    One(Eye),
    /// Both: of the frame and of the image, or of different frames.
    Contradictory,
}

impl StatedEye {
    fn of(object: &InMemDicomObject, groups: FunctionalGroups<'_>, frames: usize) -> Self {
        let own = [tags::IMAGE_LATERALITY, tags::LATERALITY].into_iter().filter_map(|tag| eye(object, tag));
        let of_frame = |frame| eye(groups.group(frame, tags::FRAME_ANATOMY_SEQUENCE)?, tags::FRAME_LATERALITY);
        own.chain((0..frames).filter_map(of_frame)).fold(Self::None, |stated, eye| stated.and(Self::One(eye)))
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::None) | (Self::None, one) => one,
            (one, other) if one == other => one,
            _ => Self::Contradictory,
        }
    }

    const fn known(self) -> Option<Eye> {
        match self {
            Self::One(eye) => Some(eye),
            Self::None | Self::Contradictory => None,
        }
    }
}

/// Facts about each frame that an object, or a series, states.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) axial: Option<Spacing>,
    pub(crate) lateral: Option<Spacing>,
    pub(crate) eye: StatedEye,
    /// Position of each frame in space; empty unless every frame has one.
    tracks: Vec<BScanPosition>,
    locations: Option<Locations>,
}

impl Facts {
    /// The facts of an object with `count` frames, each `width` A-scans wide.
    pub(crate) fn of(object: &InMemDicomObject, width: usize, count: usize) -> Self {
        let groups = FunctionalGroups::of(object);
        let spacing = groups.numbers(0, tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
        // Only tomography and images with a position in space have their depth along the rows; the spacing of a
        // screenshot is that of the screen.
        let own = || numbers(object, tags::PIXEL_SPACING).filter(|_| is_tomography(object) || groups.is_plane());
        let spacing = spacing.or_else(own);
        let at = |i: usize| Spacing::of_file(spacing.as_ref()?.get(i)? * MILLIMETRE);
        let (axial, lateral) = (at(0), at(1));

        let eye = StatedEye::of(object, groups, count);
        let track = |frame: usize| line(&groups.position(frame)?, &groups.orientation(frame)?, lateral?.mm(), width);
        let tracks: Vec<BScanPosition> = (0..count).map_while(track).collect();
        let tracks = if tracks.len() == count { tracks } else { Vec::new() };
        Self { axial, lateral, eye, tracks, locations: Locations::of(groups, count) }
    }

    /// The facts of `count` B-scans in several instances, from those of the instances in order; spacings come from the
    /// first.
    pub(crate) fn of_series(instances: Vec<Self>, count: usize) -> Self {
        let parts = instances.len();
        let mut joined = Self::default();
        let mut locations = Vec::new();
        for (index, Self { axial, lateral, eye, tracks, locations: own }) in instances.into_iter().enumerate() {
            if index == 0 {
                joined = Self { axial, lateral, ..joined };
            }
            joined.eye = joined.eye.and(eye);
            joined.tracks.extend(tracks);
            locations.extend(own);
        }
        if joined.tracks.len() != count {
            joined.tracks.clear();
        }
        joined.locations = if locations.len() == parts { Locations::joined(locations) } else { None };
        joined
    }
}

impl Geometry {
    /// The geometry of frames that are `width` A-scans wide.
    pub(crate) fn of(facts: Facts, width: usize, count: usize) -> Self {
        let Facts { axial, lateral, eye, mut tracks, locations } = facts;
        let pixel_mm = locations.as_ref().zip(lateral).and_then(|(l, lateral)| l.pixel_mm(lateral.mm() * width as f64));
        // Writers that know no positions repeat one.
        if count > 1 && tracks.iter().all(|track| *track == tracks[0]) {
            tracks.clear();
        }
        if let (Some(locations), Some(mm)) = (&locations, pixel_mm)
            && (tracks.is_empty() || locations.are_circles())
        {
            tracks = locations.tracks(mm);
        }
        let locations = locations.map(|locations| ScaledLocations { locations, pixel_mm });
        Self { axial, lateral, eye, pattern: pattern(count, &tracks), tracks, locations }
    }

    /// The header of a scan of this shape; `hints` fill in what the file does not state.
    pub(crate) fn header(
        &self,
        format: &'static str,
        Shape { width, height, frames }: Shape,
        hints: &Hints,
    ) -> ScanHeader {
        let (eye, eye_from) = hints.eye_or(self.eye.known().map(|eye| (eye, Provenance::Header)));
        let contradictory = self.eye == StatedEye::Contradictory && eye.is_none();
        let header = ScanHeader {
            format: format.into(),
            bscans: frames,
            width,
            height,
            axial: self.axial.or(hints.axial),
            lateral: self.lateral.or(hints.lateral),
            eye,
            eye_from,
            pattern: self.pattern,
            pattern_from: (self.pattern != Pattern::Unknown).then_some(Provenance::Header),
            places: (!self.tracks.is_empty()).then_some(Provenance::Header),
            notes: contradictory.then_some(Note::EyeContradictory).into_iter().collect(),
            tracks: self.tracks.clone(),
        };
        header.with_sidecar_layout(hints)
    }
}

/// Pattern that the positions imply: parallel lines form a volume, lines through a common centre a star.
fn pattern(count: usize, tracks: &[BScanPosition]) -> Pattern {
    if matches!(tracks, [BScanPosition::Circle { .. }]) {
        return Pattern::Circle;
    }
    let ends = |t: &BScanPosition| match *t {
        BScanPosition::Line { start, end } => Some((start, end)),
        BScanPosition::Circle { .. } => None,
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

/// Course of a frame seen from the front. Patient coordinates run to the patient's left (right in the picture), to the
/// back, and up. The position is the centre of the first pixel.
fn line(position: &[f64], orientation: &[f64], step_mm: f64, width: usize) -> Option<BScanPosition> {
    let (&[x, _, z], &[right, _, up, ..]) = (position, orientation) else { return None };
    let length = right.hypot(up);
    if !(FLAT..1.1).contains(&length) || !x.is_finite() || !z.is_finite() {
        return None;
    }
    let at = |ascan: f64| Place { x: x + ascan * step_mm * right, y: -(z + ascan * step_mm * up) };
    BScanPosition::line(at(-0.5), at(width as f64 - 0.5))
}
