//! Thickness at any place within a scan, interpolated between its A-scans and B-scans.

use super::{line_profile::MAX_GAP_MM, radial::Radial, raster::Raster, slice::Slice};
use crate::scan::Place;

/// Thickness over the area between parallel or radial B-scans.
///
/// Interpolation is linear between A-scans and between B-scans: across parallel B-scans, along the arc between radial
/// ones. Thickness is missing where a corner is missing and where B-scans are more than half a millimetre apart. The
/// outermost A-scans and parallel B-scans extend by half a spacing.
#[derive(Clone, Debug)]
pub struct ThicknessMap(Shape);

#[derive(Clone, Debug)]
enum Shape {
    Raster(Raster),
    Radial(Radial),
}

impl ThicknessMap {
    /// The map of at least two parallel B-scans, or of at least three through one centre; `None` for other scans.
    #[must_use]
    pub fn new(slices: &[Slice]) -> Option<Self> {
        let raster = || Raster::new(slices).map(Shape::Raster);
        raster().or_else(|| Radial::new(slices).map(Shape::Radial)).map(Self)
    }

    /// Thickness at `place` in micrometres; `None` outside the scan and where it was not determined.
    #[must_use]
    pub fn at(&self, place: Place) -> Option<f32> {
        match &self.0 {
            Shape::Raster(raster) => raster.at(place),
            Shape::Radial(radial) => radial.at(place, MAX_GAP_MM),
        }
    }

    /// As [`at`](Self::at), but interpolated over arcs of up to `arc_mm` millimetres between radial B-scans. Good enough to
    /// find the fovea between the B-scans of a star, not to measure.
    pub(super) fn near(&self, place: Place, arc_mm: f64) -> Option<f32> {
        match &self.0 {
            Shape::Raster(raster) => raster.at(place),
            Shape::Radial(radial) => radial.at(place, arc_mm),
        }
    }

    /// Cells of at most `step` millimetres that tile the scanned area within a distance of a centre: their centres and areas
    /// in square millimetres.
    pub(super) fn cells(&self, step: f64, around: (Place, f64)) -> Vec<(Place, f64)> {
        match &self.0 {
            Shape::Raster(raster) => raster.cells(step, around),
            Shape::Radial(radial) => radial.cells(step, around),
        }
    }

    /// Whether `place` lies in the bounding box of the scan.
    #[must_use]
    pub fn contains(&self, place: Place) -> bool {
        let (low, high) = self.extent();
        (low.x..=high.x).contains(&place.x) && (low.y..=high.y).contains(&place.y)
    }

    /// The middle of the scanned area.
    #[must_use]
    pub fn middle(&self) -> Place {
        match &self.0 {
            Shape::Raster(raster) => raster.middle(),
            Shape::Radial(radial) => radial.centre(),
        }
    }

    /// Upper left and lower right corner of the scan's bounding box.
    #[must_use]
    pub fn extent(&self) -> (Place, Place) {
        let corners: Vec<Place> = match &self.0 {
            Shape::Raster(raster) => raster.ends().collect(),
            Shape::Radial(radial) => radial.ends().collect(),
        };
        let start = (Place { x: f64::MAX, y: f64::MAX }, Place { x: f64::MIN, y: f64::MIN });
        corners.into_iter().fold(start, |(low, high), c| {
            (Place { x: low.x.min(c.x), y: low.y.min(c.y) }, Place { x: high.x.max(c.x), y: high.y.max(c.y) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure::enface::fixtures::raster, scan::BScanPosition};

    fn plane(p: Place) -> f32 {
        (100.0 + 10.0 * p.x - 7.0 * p.y) as f32
    }

    #[test]
    fn a_plane_is_reproduced_at_any_angle_of_the_scan() {
        for angle in [0.0, 0.4, 1.6, 3.0] {
            let middle = Place { x: 5.0, y: 4.0 };
            let map = ThicknessMap::new(&raster((64, 15), 6.0, middle, angle, |p| Some(plane(p)))).expect("a map");
            for (dx, dy) in [(0.0, 0.0), (1.3, -1.1), (-1.9, 0.7), (0.2, 1.9)] {
                let place = Place { x: middle.x + dx, y: middle.y + dy };
                let thickness = map.at(place).expect("inside");
                assert!((thickness - plane(place)).abs() < 0.01, "{angle}: {thickness} for {}", plane(place));
            }
            assert!(map.middle().distance(middle) < 1e-9);
            assert_eq!(map.at(Place { x: middle.x + 5.0, y: middle.y }), None);
        }
    }

    #[test]
    fn the_order_of_bscans_does_not_matter() {
        let mut slices = raster((16, 9), 4.0, Place::default(), 0.0, |p| Some(plane(p)));
        slices.reverse();
        let map = ThicknessMap::new(&slices).expect("a map");
        assert!((map.at(Place { x: 0.3, y: 0.9 }).expect("inside") - plane(Place { x: 0.3, y: 0.9 })).abs() < 0.01);
    }

    #[test]
    fn gaps_stay_gaps() {
        let open = |p: Place| (p.x.abs() > 0.5).then(|| plane(p));
        let map = ThicknessMap::new(&raster((64, 9), 4.0, Place::default(), 0.0, open)).expect("a map");
        assert_eq!(map.at(Place { x: 0.0, y: 0.1 }), None);
        assert!(map.at(Place { x: 1.0, y: 0.1 }).is_some());
    }

    #[test]
    fn distant_bscans_are_not_interpolated() {
        let at = |bscans| {
            let slices = raster((64, bscans), 6.0, Place::default(), 0.0, |p| Some(plane(p)));
            ThicknessMap::new(&slices).expect("a map").at(Place { x: 0.1, y: 0.1 })
        };
        assert!(at(13).is_some() && at(4).is_none());
    }

    #[test]
    fn bscans_half_a_millimetre_apart_are_neighbours_whatever_their_positions_round_to() {
        let line = |y: f64| Slice {
            track: BScanPosition::Line { start: Place { x: -3.0, y }, end: Place { x: 3.0, y } },
            thickness: [Some(300.0); 64].into_iter().collect(),
        };
        // Steps of 0.5 mm from a start that binary numbers cannot hold.
        for start in [0.1, -2.3, 1e3 + 0.7] {
            let slices: Vec<Slice> = (0..13).map(|i| line(start + 0.5 * f64::from(i))).collect();
            let map = ThicknessMap::new(&slices).expect("a map");
            let inside = (0..1000).all(|i| map.at(Place { x: 0.1, y: start + 0.006 * f64::from(i) }).is_some());
            assert!(inside, "{start}");
        }
        let rounded = ThicknessMap::new(&[line(0.0), line(0.5004), line(0.9998)]).expect("a map");
        assert!(rounded.at(Place { x: 0.0, y: 0.25 }).is_some() && rounded.at(Place { x: 0.0, y: 0.75 }).is_some());
        let apart = ThicknessMap::new(&[line(0.0), line(0.51)]).expect("a map");
        assert_eq!(apart.at(Place { x: 0.0, y: 0.25 }), None);
    }

    #[test]
    fn crossing_lines_a_single_line_and_a_circle_have_no_map() {
        let line = |start, end| Slice {
            track: BScanPosition::Line { start, end },
            thickness: [Some(1.0); 4].into_iter().collect(),
        };
        let at = |x, y| Place { x, y };
        let one = line(at(0.0, 0.0), at(4.0, 0.0));
        assert!(ThicknessMap::new(std::slice::from_ref(&one)).is_none());
        assert!(ThicknessMap::new(&[one.clone(), line(at(2.0, -2.0), at(2.0, 2.0))]).is_none());
        assert!(ThicknessMap::new(&[one.clone(), one.clone()]).is_none(), "the same place twice");
        let circle = BScanPosition::Circle { centre: at(0.0, 0.0), start: at(1.7, 0.0), clockwise: true };
        assert!(ThicknessMap::new(&[Slice { track: circle, ..one.clone() }, one]).is_none());
    }
}
