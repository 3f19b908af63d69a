//! Thickness at any place within a scan, interpolated between its A-scans and B-scans.

use std::sync::Arc;

use super::{radial::Star, raster::Rows};
use crate::scan::{BScanPosition, Place};

/// Thickness along one B-scan, and its place on the retina.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Places of the A-scans.
    pub track: BScanPosition,
    /// Thickness in each A-scan.
    pub thickness: AScanThickness,
}

/// Thickness in each A-scan of a B-scan, in micrometres. A volume keeps one for each B-scan until the last one arrives,
/// so values are single precision and clones share them.
#[derive(Clone, Debug)]
pub struct AScanThickness(
    /// NaN where not determined.
    Arc<[f32]>,
);

impl AScanThickness {
    /// Number of A-scans.
    fn count(&self) -> usize {
        self.0.len()
    }

    /// Thickness in A-scan `ascan`; `None` if it was not determined.
    fn at(&self, ascan: usize) -> Option<f32> {
        Some(self.0[ascan]).filter(|thickness| !thickness.is_nan())
    }

    /// Thickness in each A-scan, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<f32>> + '_ {
        (0..self.count()).map(|ascan| self.at(ascan))
    }
}

impl FromIterator<Option<f32>> for AScanThickness {
    fn from_iter<I: IntoIterator<Item = Option<f32>>>(values: I) -> Self {
        Self(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
    }
}

/// Thickness over the area between parallel or radial B-scans.
///
/// Interpolation is linear between A-scans and between B-scans: across parallel B-scans, along the arc between radial
/// ones. Thickness is missing where a corner is missing and where B-scans are more than half a millimetre apart. The
/// outermost A-scans and parallel B-scans extend by half a spacing.
#[derive(Clone, Debug)]
pub struct ThicknessMap(Shape);

#[derive(Clone, Debug)]
enum Shape {
    Rows(Rows),
    Star(Star),
}

/// Largest distance in millimetres of neighbouring B-scans for interpolation; sparser scans leave gaps.
pub(super) const MOST_APART: f64 = 0.5;

impl ThicknessMap {
    /// The field of at least two parallel B-scans, or of at least three through one centre; `None` for other scans.
    #[must_use]
    pub fn new(slices: &[Slice]) -> Option<Self> {
        let rows = || Rows::new(slices).map(Shape::Rows);
        rows().or_else(|| Star::new(slices).map(Shape::Star)).map(Self)
    }

    /// Thickness at `place` in micrometres; `None` outside the scan and where it was not determined.
    #[must_use]
    pub fn at(&self, place: Place) -> Option<f32> {
        match &self.0 {
            Shape::Rows(rows) => rows.at(place),
            Shape::Star(star) => star.at(place),
        }
    }

    /// The middle of the scanned area.
    #[must_use]
    pub fn middle(&self) -> Place {
        match &self.0 {
            Shape::Rows(rows) => rows.middle(),
            Shape::Star(star) => star.centre(),
        }
    }

    /// Upper left and lower right corner of the scan's bounding box.
    #[must_use]
    pub fn extent(&self) -> (Place, Place) {
        let corners: Vec<Place> = match &self.0 {
            Shape::Rows(rows) => rows.ends().collect(),
            Shape::Star(star) => star.ends().collect(),
        };
        let start = (Place { x: f64::MAX, y: f64::MAX }, Place { x: f64::MIN, y: f64::MIN });
        corners.into_iter().fold(start, |(low, high), c| {
            (Place { x: low.x.min(c.x), y: low.y.min(c.y) }, Place { x: high.x.max(c.x), y: high.y.max(c.y) })
        })
    }
}

/// Thickness along a line, by distance from its start.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Place of the first A-scan in millimetres.
    pub(super) first: f64,
    /// Distance between A-scans in millimetres.
    pub(super) step: f64,
    thickness: AScanThickness,
}

impl Profile {
    /// The thickness of a B-scan from `start` to `end`; it extends half a spacing beyond the outermost A-scans.
    pub(super) fn new(start: f64, end: f64, thickness: &AScanThickness) -> Self {
        let step = (end - start) / thickness.count() as f64;
        Self { first: start + 0.5 * step, step, thickness: thickness.clone() }
    }

    /// Place of the last A-scan.
    pub(super) fn last(&self) -> f64 {
        self.first + self.step * (self.thickness.count() - 1) as f64
    }

    pub(super) fn at(&self, u: f64) -> Option<f32> {
        let at = (u - self.first) / self.step;
        let last = self.thickness.count() - 1;
        if !(-0.5..=last as f64 + 0.5).contains(&at) {
            return None;
        }
        let at = at.clamp(0.0, last as f64);
        let (left, share) = (at.floor() as usize, at.fract() as f32);
        if share == 0.0 {
            return self.thickness.at(left);
        }
        Some(self.thickness.at(left)? * (1.0 - share) + self.thickness.at(left + 1)? * share)
    }
}

impl Slice {
    /// Start and end of the B-scan, if it is a line of several A-scans.
    pub(super) fn line(&self) -> Option<(Place, Place)> {
        match self.track {
            BScanPosition::Line { start, end } if self.thickness.count() > 1 => Some((start, end)),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// B-scans of `width` A-scans over `size` millimetres around `middle`, rotated by `angle`, with the given
    /// `thickness`.
    pub(in crate::measure::enface) fn volume(
        (width, bscans): (usize, usize),
        size: f64,
        middle: Place,
        angle: f64,
        thickness: impl Fn(Place) -> Option<f32>,
    ) -> Vec<Slice> {
        let (sin, cos) = angle.sin_cos();
        let turned = |u: f64, v: f64| Place { x: middle.x + u * cos - v * sin, y: middle.y + u * sin + v * cos };
        (0..bscans)
            .map(|i| {
                let v = size * (i as f64 / (bscans - 1) as f64 - 0.5);
                let track = BScanPosition::Line { start: turned(-0.5 * size, v), end: turned(0.5 * size, v) };
                Slice { track, thickness: (0..width).map(|x| thickness(track.at(x, width))).collect() }
            })
            .collect()
    }

    fn plane(p: Place) -> f32 {
        (100.0 + 10.0 * p.x - 7.0 * p.y) as f32
    }

    #[test]
    fn a_plane_comes_back_at_every_place_however_the_scan_is_turned() {
        for angle in [0.0, 0.4, 1.6, 3.0] {
            let middle = Place { x: 5.0, y: 4.0 };
            let field = ThicknessMap::new(&volume((64, 15), 6.0, middle, angle, |p| Some(plane(p)))).expect("a field");
            for (dx, dy) in [(0.0, 0.0), (1.3, -1.1), (-1.9, 0.7), (0.2, 1.9)] {
                let place = Place { x: middle.x + dx, y: middle.y + dy };
                let thickness = field.at(place).expect("inside");
                assert!((thickness - plane(place)).abs() < 0.01, "{angle}: {thickness} for {}", plane(place));
            }
            assert!(field.middle().distance(middle) < 1e-9);
            assert_eq!(field.at(Place { x: middle.x + 5.0, y: middle.y }), None);
        }
    }

    #[test]
    fn the_order_of_bscans_does_not_matter() {
        let mut slices = volume((16, 9), 4.0, Place::default(), 0.0, |p| Some(plane(p)));
        slices.reverse();
        let field = ThicknessMap::new(&slices).expect("a field");
        assert!((field.at(Place { x: 0.3, y: 0.9 }).expect("inside") - plane(Place { x: 0.3, y: 0.9 })).abs() < 0.01);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let open = |p: Place| (p.x.abs() > 0.5).then(|| plane(p));
        let field = ThicknessMap::new(&volume((64, 9), 4.0, Place::default(), 0.0, open)).expect("a field");
        assert_eq!(field.at(Place { x: 0.0, y: 0.1 }), None);
        assert!(field.at(Place { x: 1.0, y: 0.1 }).is_some());
    }

    #[test]
    fn nothing_is_filled_in_between_distant_bscans() {
        let at = |bscans| {
            let slices = volume((64, bscans), 6.0, Place::default(), 0.0, |p| Some(plane(p)));
            ThicknessMap::new(&slices).expect("a field").at(Place { x: 0.1, y: 0.1 })
        };
        assert!(at(13).is_some() && at(4).is_none());
    }

    #[test]
    fn crossing_lines_a_single_line_and_a_circle_are_no_area() {
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
