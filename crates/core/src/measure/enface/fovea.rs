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
}

/// The centre of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Centre {
    /// Location.
    pub place: Place,
    /// How it was found.
    pub from: CentreSource,
}

/// Search radius around the middle of the scan, in millimetres.
const SEARCH_RADIUS: f64 = 1.5;
/// Spacing of the searched places in millimetres.
const STEP: f64 = 0.05;
/// Radius over which thickness is averaged, in millimetres.
const SMOOTHING: f64 = 0.15;
/// The rim of the pit, in millimetres from its bottom.
const RIM: f64 = 1.0;
/// Smallest depth of a pit below its rim, as a share of the rim.
const DEPTH: f32 = 0.05;

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
    match thinnest.filter(|&(depth, place)| is_pit(retina, place, depth)) {
        Some((_, place)) => Centre { place, from: CentreSource::Fovea },
        None => Centre { place: middle, from: CentreSource::ScanMiddle },
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
                sum += retina.at(Place { x: centre.x + dx, y: centre.y + dy })?;
                count += 1.0;
            }
        }
    }
    Some(sum / count)
}

/// Whether the rim exceeds `depth` in every direction the scan covers, and the scan covers most directions.
fn is_pit(retina: &ThicknessMap, centre: Place, depth: f32) -> bool {
    const DIRECTIONS: i32 = 8;
    let rim = |i: i32| {
        let (sin, cos) = (std::f64::consts::TAU * f64::from(i) / f64::from(DIRECTIONS)).sin_cos();
        disc_mean(retina, Place { x: centre.x + RIM * cos, y: centre.y + RIM * sin })
    };
    let rims: Vec<f32> = (0..DIRECTIONS).filter_map(rim).collect();
    rims.len() > 5 && rims.iter().all(|&r| depth < r * (1.0 - DEPTH))
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
            assert_eq!(found.from, CentreSource::Fovea);
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
            assert_eq!(centre.from, CentreSource::ScanMiddle);
            assert!(centre.place.distance(Place::default()) < 1e-9);
        }
    }
}
