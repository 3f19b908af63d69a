//! Positions of frames on the fundus image that they refer to.
//!
//! The Ophthalmic Frame Location (PS3.3, C.8.17.10) gives row and column in the other image, from the upper left corner
//! of its first pixel: the two ends of a line, or a pair for each A-scan of a curve. The frame's length in millimetres
//! follows from its own spacing, and the scale of the image from that length.

use dicom_dictionary_std::tags;
use octrls_core::scan::{BScanPosition, Place};

use super::{
    elements::{numbers, text},
    groups::FunctionalGroups,
    uid,
};

/// Maximum difference between the scales of single frames, as a fraction.
const SAME_SCALE: f64 = 0.1;
/// Maximum deviation of a circle's points from its radius, as a fraction.
const ROUND: f64 = 0.05;
/// Minimum points of a circle.
const MIN_POINTS: usize = 16;

/// Positions of frames on a fundus image, and its scale.
pub(crate) struct ScaledLocations {
    pub(crate) locations: Locations,
    /// Millimetres per pixel of the image, if known.
    pub(crate) pixel_mm: Option<f64>,
}

/// Positions of an object's frames on one other image.
pub(crate) struct Locations {
    /// Its SOP Instance UID.
    instance: String,
    /// Course of each frame.
    frames: Vec<Course>,
}

/// The course of one frame, in columns and rows.
enum Course {
    Line(Vec<Place>),
    /// One full circle.
    Circle {
        points: Vec<Place>,
        centre: Place,
        radius: f64,
    },
}

impl Locations {
    /// The locations of `count` frames; `None` unless all are lines or circles on one image.
    pub(crate) fn of(groups: FunctionalGroups<'_>, count: usize) -> Option<Self> {
        let mut instance = None;
        let mut frames = Vec::new();
        for frame in 0..count {
            let location = groups.group(frame, tags::OPHTHALMIC_FRAME_LOCATION_SEQUENCE)?;
            let of = uid::checked(&text(location, tags::REFERENCED_SOP_INSTANCE_UID)?)?.to_owned();
            if *instance.get_or_insert_with(|| of.clone()) != of {
                return None;
            }
            let pairs = numbers(location, tags::REFERENCE_COORDINATES)?;
            let (pairs, rest) = pairs.as_chunks::<2>();
            let points: Vec<Place> = pairs.iter().map(|&[row, column]| Place { x: column, y: row }).collect();
            let kind = text(location, tags::OPHTHALMIC_IMAGE_ORIENTATION)?;
            frames.push(match kind.as_str() {
                "LINEAR" if points.len() == 2 && rest.is_empty() => Course::Line(points),
                "NONLINEAR" if rest.is_empty() => circle(points)?,
                _ => return None,
            });
        }
        Some(Self { instance: instance?, frames })
    }

    /// The locations of a series, from those of its instances in order; `None` unless all are on one image.
    pub(crate) fn joined(instances: Vec<Self>) -> Option<Self> {
        let mut instances = instances.into_iter();
        let mut joined = instances.next()?;
        for Self { instance, frames } in instances {
            if instance != joined.instance {
                return None;
            }
            joined.frames.extend(frames);
        }
        Some(joined)
    }

    /// Whether the frames are circles, which no plane in space can describe.
    pub(crate) fn are_circles(&self) -> bool {
        self.frames.iter().all(|f| matches!(f, Course::Circle { .. }))
    }

    /// Millimetres per pixel of the image if each frame is `length_mm` long.
    pub(crate) fn pixel_mm(&self, length_mm: f64) -> Option<f64> {
        let mut scales: Vec<f64> = self.frames.iter().map(|f| length_mm / f.length()).collect();
        scales.sort_by(f64::total_cmp);
        let middle = *scales.get(scales.len() / 2)?;
        let same = scales.iter().all(|s| (s / middle - 1.0).abs() <= SAME_SCALE);
        (same && middle.is_finite() && middle > 0.0).then_some(middle)
    }

    /// Course of each frame in millimetres from the image's upper left corner; empty unless all are plausible.
    pub(crate) fn tracks(&self, pixel_mm: f64) -> Vec<BScanPosition> {
        let mm = |p: Place| Place { x: p.x * pixel_mm, y: p.y * pixel_mm };
        let track = |course: &Course| match course {
            Course::Line(points) => BScanPosition::line(mm(points[0]), mm(points[1])),
            Course::Circle { points, centre, .. } => {
                let (first, quarter) = (points[0], points[points.len() / 4]);
                let turn =
                    (first.x - centre.x) * (quarter.y - centre.y) - (first.y - centre.y) * (quarter.x - centre.x);
                // y grows downwards, so a positive turn is clockwise.
                let (centre, start) = (mm(*centre), mm(first));
                BScanPosition::line(centre, start).map(|_| BScanPosition::Circle {
                    centre,
                    start,
                    clockwise: turn > 0.0,
                })
            }
        };
        self.frames.iter().map(track).collect::<Option<_>>().unwrap_or_default()
    }

    /// SOP Instance UID of the image.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// Points along each frame, as column and row of the image.
    pub(crate) fn points(&self) -> Vec<Vec<[f32; 2]>> {
        self.frames.iter().map(Course::points).collect()
    }
}

impl Course {
    fn length(&self) -> f64 {
        match self {
            Self::Line(points) => points[0].distance(points[1]),
            Self::Circle { radius, .. } => std::f64::consts::TAU * radius,
        }
    }

    fn points(&self) -> Vec<[f32; 2]> {
        let (Self::Line(points) | Self::Circle { points, .. }) = self;
        points.iter().map(|p| [p.x as f32, p.y as f32]).collect()
    }
}

/// The circle through `points`, which are evenly spaced once round; `None` if they lie on none.
fn circle(points: Vec<Place>) -> Option<Course> {
    let count = points.len();
    if count < MIN_POINTS {
        return None;
    }
    let sum = points.iter().fold(Place::default(), |sum, p| Place { x: sum.x + p.x, y: sum.y + p.y });
    let centre = Place { x: sum.x / count as f64, y: sum.y / count as f64 };
    let radius = points.iter().map(|p| p.distance(centre)).sum::<f64>() / count as f64;
    let round = points.iter().all(|p| (p.distance(centre) - radius).abs() <= ROUND * radius);
    (round && radius > 0.0).then_some(Course::Circle { points, centre, radius })
}
