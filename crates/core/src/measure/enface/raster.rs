//! Thickness between parallel B-scans.

use super::{
    line_profile::{LineProfile, MAX_GAP_MM, parts},
    slice::Slice,
};
use crate::scan::Place;

/// Largest sine of the angle between B-scans that still count as parallel.
const MAX_SKEW: f64 = 0.05;

/// Parallel B-scans.
#[derive(Clone, Debug)]
pub(super) struct Raster {
    origin: Place,
    /// Unit vector from A-scan to A-scan.
    along: (f64, f64),
    /// Sorted by position across the B-scans.
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    across: f64,
    profile: LineProfile,
}

impl Raster {
    /// `None` for fewer than two B-scans, or if they are not parallel lines at different places.
    pub(super) fn new(slices: &[Slice]) -> Option<Self> {
        let (origin, end) = slices.first()?.line()?;
        let length = origin.distance(end);
        if slices.len() < 2 || length <= 0.0 {
            return None;
        }
        let along = ((end.x - origin.x) / length, (end.y - origin.y) / length);
        let mut raster = Self { origin, along, lines: Vec::with_capacity(slices.len()) };
        for slice in slices {
            let (start, end) = slice.line()?;
            let ((first, above), (last, below)) = (raster.coordinates(start), raster.coordinates(end));
            if last <= first || (below - above).abs() > MAX_SKEW * (last - first) {
                return None;
            }
            let profile = LineProfile::new(first, last, &slice.thickness);
            raster.lines.push(Line { across: f64::midpoint(above, below), profile });
        }
        raster.lines.sort_by(|a, b| a.across.total_cmp(&b.across));
        (raster.lines[0].across < raster.lines[raster.lines.len() - 1].across).then_some(raster)
    }

    pub(super) fn at(&self, place: Place) -> Option<f32> {
        let (u, v) = self.coordinates(place);
        let after = self.lines.partition_point(|l| l.across < v);
        let last = self.lines.len() - 1;
        if after == 0 || after > last {
            let edge = if after == 0 { 0 } else { last };
            let reach = self.reach(after > last);
            let near = (v - self.lines[edge].across).abs() <= reach;
            return if near { self.lines[edge].profile.at(u) } else { None };
        }
        let (before, after) = (&self.lines[after - 1], &self.lines[after]);
        if after.across - before.across > MAX_GAP_MM {
            return None;
        }
        let share = ((v - before.across) / (after.across - before.across)) as f32;
        Some(before.profile.at(u)? * (1.0 - share) + after.profile.at(u)? * share)
    }

    /// How far the map extends beyond the first or the last B-scan: half a spacing.
    fn reach(&self, last: bool) -> f64 {
        let count = self.lines.len();
        let (edge, next) = if last { (count - 1, count - 2) } else { (0, 1) };
        0.5 * (self.lines[edge].across - self.lines[next].across).abs().min(MAX_GAP_MM)
    }

    /// Cells of at most `step` millimetres that tile the area between the outermost A-scans and B-scans: their centres and
    /// areas. No cell extends beyond a B-scan or the edge of the area.
    /// Cells whose centres lie more than `reach` from `centre` are left out.
    pub(super) fn cells(&self, step: f64, (centre, reach): (Place, f64)) -> Vec<(Place, f64)> {
        let (along, across) = self.coordinates(centre);
        let edges = |l: &Line| (l.profile.first - 0.5 * l.profile.step, l.profile.last() + 0.5 * l.profile.step);
        let bounds = self.lines.iter().map(edges);
        let (left, right) = bounds.fold((f64::MAX, f64::MIN), |(a, b), (c, d)| (a.min(c), b.max(d)));
        let (first, last) = (self.lines[0].across, self.lines[self.lines.len() - 1].across);
        let borders = std::iter::once(first - self.reach(false))
            .chain(self.lines.iter().map(|l| l.across))
            .chain([last + self.reach(true)]);
        let borders: Vec<f64> = borders.collect();
        let columns: Vec<(f64, f64)> = parts(left, right, step).filter(|(u, _)| (u - along).abs() <= reach).collect();
        let rows = borders.windows(2).filter(|pair| pair[1] - pair[0] <= MAX_GAP_MM);
        rows.flat_map(|pair| parts(pair[0], pair[1], step))
            .filter(|(v, _)| (v - across).abs() <= reach)
            .flat_map(|(v, height)| columns.iter().map(move |&(u, width)| (self.place(u, v), width * height)))
            .collect()
    }

    pub(super) fn middle(&self) -> Place {
        let (first, last) = (&self.lines[0], &self.lines[self.lines.len() - 1]);
        let u = |l: &Line| f64::midpoint(l.profile.first, l.profile.last());
        self.place(0.5 * (u(first) + u(last)), 0.5 * (first.across + last.across))
    }

    /// The outermost A-scans of all B-scans.
    pub(super) fn ends(&self) -> impl Iterator<Item = Place> {
        self.lines.iter().flat_map(|l| [l.profile.first, l.profile.last()].map(|u| self.place(u, l.across)))
    }

    /// Position along and across the B-scans, in millimetres from the first A-scan.
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
