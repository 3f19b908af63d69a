//! Location of the fovea.

use serde::{Deserialize, Serialize};

use super::ThicknessMap;
use crate::scan::Place;

/// How the centre of a grid was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CentreSource {
    /// The thinnest place of the smoothed retina.
    Fovea,
    /// No foveal pit was found: the middle of the scan.
    ScanMiddle,
    /// A person stated the place of the fovea.
    Stated,
}

impl CentreSource {
    /// Whether the centre is the fovea. If not, a grid around it measures another place than its subfields are named
    /// after, and its values go into no comparison and no structured report.
    #[must_use]
    pub const fn is_fovea(self) -> bool {
        matches!(self, Self::Fovea | Self::Stated)
    }

    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Fovea => "fovea",
            Self::ScanMiddle => "scan_middle",
            Self::Stated => "stated",
        }
    }

    /// What a grid is centred on, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fovea => "the fovea",
            Self::ScanMiddle => "the middle of the scan (no fovea found)",
            Self::Stated => "the fovea as stated by hand",
        }
    }
}

/// The centre of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Centre {
    /// Location.
    pub place: Place,
    /// How it was found.
    pub from: CentreSource,
    /// How clearly the retina shows a pit there, 0 to 1; 0 without a pit, `None` if a person stated the place.
    pub confidence: Option<f32>,
}

impl Centre {
    /// A centre that a person stated.
    #[must_use]
    pub const fn stated(place: Place) -> Self {
        Self { place, from: CentreSource::Stated, confidence: None }
    }
}

/// Search radius around the middle of the scan, in millimetres.
const SEARCH_RADIUS: f64 = 1.5;
/// Spacing of the searched places in millimetres.
const STEP: f64 = 0.05;
/// Radius over which thickness is averaged, in millimetres.
const SMOOTHING: f64 = 0.15;
/// The rim of the pit, in millimetres from its bottom; the smaller one for scans that do not reach the larger.
const RIMS: [f64; 2] = [1.0, 0.75];
/// Arcs between radial B-scans over which thickness is interpolated to find the pit, in millimetres. Six lines through one
/// centre are so far apart 1.9 mm from it.
const ARC: f64 = 1.0;
/// Directions in which a rim is looked for.
const DIRECTIONS: i32 = 8;
/// Directions in which the scan must show the rim.
const MIN_DIRECTIONS: usize = 6;
/// Smallest depth of a pit below its rim, as a share of the rim.
const DEPTH: f32 = 0.05;
/// Depth of a pit that is certain, as a share of the rim. Healthy pits have 0.2 to 0.4.
const CERTAIN_DEPTH: f32 = 0.15;

/// The thinnest place of the retina near the middle of the scan, with thickness averaged over a disc. Returns the
/// middle itself if that place is not a pit, that is, thinner than the rim all around it.
#[must_use]
pub fn find_fovea(retina: &ThicknessMap) -> Centre {
    let middle = retina.middle();
    let steps = (SEARCH_RADIUS / STEP).round() as i32;
    let places =
        (-steps..=steps).flat_map(|i| (-steps..=steps).map(move |j| (STEP * f64::from(i), STEP * f64::from(j))));
    let near = places.filter(|(dx, dy)| dx.hypot(*dy) <= SEARCH_RADIUS);
    let candidates = near.filter_map(|(dx, dy)| {
        let place = Place { x: middle.x + dx, y: middle.y + dy };
        Some((disc_mean(retina, place)?, place))
    });
    let thinnest = candidates.reduce(|best, next| if next.0 < best.0 { next } else { best });
    let pit = thinnest.and_then(|(bottom, place)| Some((place, pit_confidence(retina, place, bottom)?)));
    match pit {
        Some((place, confidence)) => Centre { place, from: CentreSource::Fovea, confidence: Some(confidence) },
        None => Centre { place: middle, from: CentreSource::ScanMiddle, confidence: Some(0.0) },
    }
}

/// Mean over a disc; `None` if part of it is missing.
fn disc_mean(retina: &ThicknessMap, centre: Place) -> Option<f32> {
    let steps = (SMOOTHING / STEP).round() as i32;
    let (mut sum, mut count) = (0.0, 0.0);
    for i in -steps..=steps {
        for j in -steps..=steps {
            let (dx, dy) = (STEP * f64::from(i), STEP * f64::from(j));
            if dx.hypot(dy) <= SMOOTHING + 0.1 * STEP {
                sum += retina.near(Place { x: centre.x + dx, y: centre.y + dy }, ARC)?;
                count += 1.0;
            }
        }
    }
    Some(sum / count)
}

/// How clearly `centre`, where the retina is `bottom` thick, is the bottom of a pit, 0 to 1: the depth below the lowest
/// part of the rim, and the share of the rim that the scan shows. `None` unless the rim is higher in every direction that
/// the scan shows, and it shows most.
fn pit_confidence(retina: &ThicknessMap, centre: Place, bottom: f32) -> Option<f32> {
    let rim = |radius: f64| {
        let at = move |i: i32| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(i) / f64::from(DIRECTIONS)).sin_cos();
            disc_mean(retina, Place { x: centre.x + radius * cos, y: centre.y + radius * sin })
        };
        (0..DIRECTIONS).filter_map(at).collect::<Vec<f32>>()
    };
    let rim = RIMS.into_iter().map(rim).find(|rim| rim.len() >= MIN_DIRECTIONS)?;
    let lowest = rim.iter().copied().reduce(f32::min)?;
    let depth = 1.0 - bottom / lowest;
    (depth > DEPTH).then(|| rim.len() as f32 / DIRECTIONS as f32 * (depth / CERTAIN_DEPTH).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

    fn pit(at: Place) -> impl Fn(Place) -> Option<f32> {
        move |p| {
            let r = p.distance(at);
            Some((330.0 - 110.0 * (-(r / 0.5).powi(2)).exp()) as f32)
        }
    }

    #[test]
    fn the_pit_is_found_off_the_middle_and_in_a_turned_scan() {
        let middle = Place { x: 4.0, y: 4.0 };
        for (angle, dx, dy) in [(0.0, 0.0, 0.0), (0.0, 0.7, -0.4), (0.5, -0.6, 0.8)] {
            let at = Place { x: middle.x + dx, y: middle.y + dy };
            let field = ThicknessMap::new(&raster((128, 25), 6.0, middle, angle, pit(at))).expect("a field");
            let found = find_fovea(&field);
            assert_eq!((found.from, found.confidence), (CentreSource::Fovea, Some(1.0)));
            assert!(found.place.distance(at) < 0.1, "{:?} for {at:?}", found.place);
        }
    }

    #[test]
    fn without_a_pit_the_centre_is_the_middle_of_the_scan() {
        let flat = ThicknessMap::new(&raster((64, 13), 6.0, Place::default(), 0.0, |_| Some(300.0))).expect("a field");
        let slope = |p: Place| Some((300.0 + 20.0 * p.x) as f32);
        let slope = ThicknessMap::new(&raster((64, 13), 6.0, Place::default(), 0.0, slope)).expect("a field");
        for field in [flat, slope] {
            let centre = find_fovea(&field);
            assert_eq!((centre.from, centre.confidence), (CentreSource::ScanMiddle, Some(0.0)));
            assert!(centre.place.distance(Place::default()) < 1e-9);
        }
    }

    #[test]
    fn a_shallow_pit_at_the_edge_of_a_scan_is_less_certain() {
        let shallow = |p: Place| {
            let r = p.distance(Place { x: 1.2, y: 0.0 });
            Some((300.0 - 24.0 * (-(r / 0.5).powi(2)).exp()) as f32)
        };
        // The rim to the right of the pit lies outside the scan.
        let map = ThicknessMap::new(&raster((128, 25), 4.2, Place::default(), 0.0, shallow)).expect("a map");
        let centre = find_fovea(&map);
        assert_eq!(centre.from, CentreSource::Fovea);
        assert!(centre.confidence.is_some_and(|c| (0.3..0.55).contains(&c)), "{centre:?}");
    }
}
