//! Thickness at any place that a scan covers, interpolated between its A-scans and B-scans.

use crate::scan::{Place, Track};

/// Thickness along one B-scan, and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Where the A-scans lie.
    pub track: Track,
    /// Thickness in each A-scan, in micrometres; `None` where it was not determined.
    pub thickness: Vec<Option<f32>>,
}

/// Thickness over the area between parallel B-scans.
///
/// Between two A-scans and between two B-scans it runs straight; where one of the four corners is missing, so is the
/// thickness, as it is between B-scans more than half a millimetre apart. The outermost A-scans and B-scans reach half a spacing further.
#[derive(Clone, Debug)]
pub struct ThicknessField {
    origin: Place,
    /// Unit vector from A-scan to A-scan.
    along: (f64, f64),
    /// In the order of their place across.
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    across: f64,
    first: f64,
    step: f64,
    thickness: Vec<Option<f32>>,
}

/// Largest distance of neighbouring B-scans between which thickness is interpolated, in millimetres; sparse scans leave gaps.
const MOST_APART: f64 = 0.5;
/// Largest sine of the angle between B-scans that count as parallel.
const PARALLEL: f64 = 0.05;

impl ThicknessField {
    /// The field of parallel B-scans; `None` of fewer than two, and where they are not parallel lines.
    #[must_use]
    pub fn new(slices: &[Slice]) -> Option<Self> {
        let ends = |s: &Slice| match s.track {
            Track::Line { start, end } if s.thickness.len() > 1 => Some((start, end)),
            _ => None,
        };
        let (origin, end) = ends(slices.first()?)?;
        let length = origin.distance(end);
        if slices.len() < 2 || length <= 0.0 {
            return None;
        }
        let along = ((end.x - origin.x) / length, (end.y - origin.y) / length);
        let mut field = Self { origin, along, lines: Vec::with_capacity(slices.len()) };
        for slice in slices {
            let (start, end) = ends(slice)?;
            let ((first, above), (last, below)) = (field.coordinates(start), field.coordinates(end));
            if last <= first || (below - above).abs() > PARALLEL * (last - first) {
                return None;
            }
            let step = (last - first) / slice.thickness.len() as f64;
            let across = f64::midpoint(above, below);
            field.lines.push(Line { across, first: first + 0.5 * step, step, thickness: slice.thickness.clone() });
        }
        field.lines.sort_by(|a, b| a.across.total_cmp(&b.across));
        (field.lines[0].across < field.lines[field.lines.len() - 1].across).then_some(field)
    }

    /// Thickness at `place` in micrometres; `None` outside the scan and where it was not determined.
    #[must_use]
    pub fn at(&self, place: Place) -> Option<f32> {
        let (u, v) = self.coordinates(place);
        let after = self.lines.partition_point(|l| l.across < v);
        let last = self.lines.len() - 1;
        if after == 0 || after > last {
            let (edge, next) = if after == 0 { (0, 1) } else { (last, last - 1) };
            let reach = 0.5 * (self.lines[edge].across - self.lines[next].across).abs().min(MOST_APART);
            return if (v - self.lines[edge].across).abs() <= reach { self.lines[edge].at(u) } else { None };
        }
        let (before, after) = (&self.lines[after - 1], &self.lines[after]);
        if after.across - before.across > MOST_APART {
            return None;
        }
        let share = ((v - before.across) / (after.across - before.across)) as f32;
        Some(before.at(u)? * (1.0 - share) + after.at(u)? * share)
    }

    /// The middle of the scanned area.
    #[must_use]
    pub fn middle(&self) -> Place {
        let (first, last) = (&self.lines[0], &self.lines[self.lines.len() - 1]);
        let u = |l: &Line| l.first + 0.5 * l.step * (l.thickness.len() - 1) as f64;
        self.place(0.5 * (u(first) + u(last)), 0.5 * (first.across + last.across))
    }

    /// The corners of the smallest rectangle along the axes that holds the scan: upper left and lower right.
    #[must_use]
    pub fn extent(&self) -> (Place, Place) {
        let corners = self.lines.iter().flat_map(|l| {
            let last = l.first + l.step * (l.thickness.len() - 1) as f64;
            [self.place(l.first, l.across), self.place(last, l.across)]
        });
        let start = (Place { x: f64::MAX, y: f64::MAX }, Place { x: f64::MIN, y: f64::MIN });
        corners.fold(start, |(low, high), c| {
            (Place { x: low.x.min(c.x), y: low.y.min(c.y) }, Place { x: high.x.max(c.x), y: high.y.max(c.y) })
        })
    }

    /// Along and across the B-scans, in millimetres from the first A-scan.
    fn coordinates(&self, place: Place) -> (f64, f64) {
        let (dx, dy) = (place.x - self.origin.x, place.y - self.origin.y);
        let (ax, ay) = self.along;
        (dx * ax + dy * ay, dy * ax - dx * ay)
    }

    fn place(&self, u: f64, v: f64) -> Place {
        let (ax, ay) = self.along;
        Place { x: self.origin.x + u * ax - v * ay, y: self.origin.y + u * ay + v * ax }
    }
}

impl Line {
    fn at(&self, u: f64) -> Option<f32> {
        let at = (u - self.first) / self.step;
        let last = self.thickness.len() - 1;
        if !(-0.5..=last as f64 + 0.5).contains(&at) {
            return None;
        }
        let at = at.clamp(0.0, last as f64);
        let (left, share) = (at.floor() as usize, at.fract() as f32);
        if share == 0.0 {
            return self.thickness[left];
        }
        Some(self.thickness[left]? * (1.0 - share) + self.thickness[left + 1]? * share)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// B-scans of `width` A-scans over `size` millimetres about `middle`, turned by `angle`, that show `thickness`.
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
                let track = Track::Line { start: turned(-0.5 * size, v), end: turned(0.5 * size, v) };
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
            let field =
                ThicknessField::new(&volume((64, 15), 6.0, middle, angle, |p| Some(plane(p)))).expect("a field");
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
        let field = ThicknessField::new(&slices).expect("a field");
        assert!((field.at(Place { x: 0.3, y: 0.9 }).expect("inside") - plane(Place { x: 0.3, y: 0.9 })).abs() < 0.01);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let open = |p: Place| (p.x.abs() > 0.5).then(|| plane(p));
        let field = ThicknessField::new(&volume((64, 9), 4.0, Place::default(), 0.0, open)).expect("a field");
        assert_eq!(field.at(Place { x: 0.0, y: 0.1 }), None);
        assert!(field.at(Place { x: 1.0, y: 0.1 }).is_some());
    }

    #[test]
    fn nothing_is_filled_in_between_distant_bscans() {
        let at = |bscans| {
            let slices = volume((64, bscans), 6.0, Place::default(), 0.0, |p| Some(plane(p)));
            ThicknessField::new(&slices).expect("a field").at(Place { x: 0.1, y: 0.1 })
        };
        assert!(at(13).is_some() && at(4).is_none());
    }

    #[test]
    fn crossing_lines_a_single_line_and_a_circle_are_no_area() {
        let line = |start, end| Slice { track: Track::Line { start, end }, thickness: vec![Some(1.0); 4] };
        let at = |x, y| Place { x, y };
        let one = line(at(0.0, 0.0), at(4.0, 0.0));
        assert!(ThicknessField::new(std::slice::from_ref(&one)).is_none());
        assert!(ThicknessField::new(&[one.clone(), line(at(2.0, -2.0), at(2.0, 2.0))]).is_none());
        assert!(ThicknessField::new(&[one.clone(), one.clone()]).is_none(), "the same place twice");
        let circle = Track::Circle { centre: at(0.0, 0.0), start: at(1.7, 0.0), clockwise: true };
        assert!(ThicknessField::new(&[Slice { track: circle, ..one.clone() }, one]).is_none());
    }
}
