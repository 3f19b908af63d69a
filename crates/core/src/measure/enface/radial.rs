//! Thickness between radial B-scans, which cross in a common centre.

use std::f64::consts::{PI, TAU};

use super::{
    line_profile::{LineProfile, MAX_GAP_MM, parts},
    slice::Slice,
};
use crate::scan::Place;

/// Fewest radial B-scans; two would make a cross with large gaps.
const MIN_BSCANS: usize = 3;
/// Largest distance of a B-scan from the centre, as a share of its length.
const MAX_OFF_CENTRE: f64 = 0.05;

/// Smallest angle between two different B-scans.
const MIN_ANGLE: f64 = 1e-3;

/// Radial B-scans.
#[derive(Clone, Debug)]
pub(super) struct Radial {
    centre: Place,
    lines: Vec<Line>,
    /// Rays from the centre outwards, sorted by angle; two per line.
    rays: Vec<Ray>,
}

#[derive(Clone, Debug)]
struct Line {
    start: Place,
    /// Unit vector from A-scan to A-scan.
    along: (f64, f64),
    /// Position along the line nearest to the centre.
    foot: f64,
    profile: LineProfile,
}

#[derive(Clone, Copy, Debug)]
struct Ray {
    /// 0 to a full turn.
    angle: f64,
    line: usize,
    /// Whether the ray runs in the direction of the A-scans.
    forward: bool,
}

impl Radial {
    /// `None` for fewer than three B-scans, or if they are not lines through a common centre.
    pub(super) fn new(slices: &[Slice]) -> Option<Self> {
        if slices.len() < MIN_BSCANS {
            return None;
        }
        let ends = slices.iter().map(Slice::line).collect::<Option<Vec<_>>>()?;
        let count = ends.len() as f64;
        let middles = ends.iter().map(|(start, end)| start.towards(*end, 0.5));
        let sum = middles.fold(Place::default(), |sum, m| Place { x: sum.x + m.x, y: sum.y + m.y });
        let centre = Place { x: sum.x / count, y: sum.y / count };
        let mut radial = Self { centre, lines: Vec::with_capacity(slices.len()), rays: Vec::new() };
        for (i, ((start, end), slice)) in ends.into_iter().zip(slices).enumerate() {
            let length = start.distance(end);
            let along = ((end.x - start.x) / length, (end.y - start.y) / length);
            let (dx, dy) = (centre.x - start.x, centre.y - start.y);
            let (foot, off) = (dx * along.0 + dy * along.1, dy * along.0 - dx * along.1);
            // `<=` with NaN is false, so a line of length zero does not pass.
            let centred = off.abs() <= MAX_OFF_CENTRE * length && (0.0..=length).contains(&foot);
            if !centred {
                return None;
            }
            let angle = along.1.atan2(along.0).rem_euclid(TAU);
            radial.rays.push(Ray { angle, line: i, forward: true });
            radial.rays.push(Ray { angle: (angle + PI).rem_euclid(TAU), line: i, forward: false });
            radial.lines.push(Line { start, along, foot, profile: LineProfile::new(0.0, length, &slice.thickness) });
        }
        radial.rays.sort_by(|a, b| a.angle.total_cmp(&b.angle));
        let turned = radial.rays.windows(2).filter(|pair| pair[1].angle - pair[0].angle > MIN_ANGLE).count();
        // The first ray is a neighbour of the last. A line that occurs twice counts once.
        (turned + 1 >= 2 * MIN_BSCANS).then_some(radial)
    }

    /// Thickness at `place`, interpolated over arcs of up to `arc_mm` millimetres.
    pub(super) fn at(&self, place: Place, arc_mm: f64) -> Option<f32> {
        let (dx, dy) = (place.x - self.centre.x, place.y - self.centre.y);
        let (radius, angle) = (dx.hypot(dy), dy.atan2(dx).rem_euclid(TAU));
        let after = self.rays.partition_point(|r| r.angle <= angle);
        let count = self.rays.len();
        let (before, after) = (self.rays[(after + count - 1) % count], self.rays[after % count]);
        let between = (after.angle - before.angle).rem_euclid(TAU);
        if radius * between > arc_mm {
            return None;
        }
        let share = ((angle - before.angle).rem_euclid(TAU) / between.max(f64::MIN_POSITIVE)).min(1.0) as f32;
        let near = self.on(before, radius)?;
        if share == 0.0 {
            return Some(near);
        }
        Some(near * (1.0 - share) + self.on(after, radius)? * share)
    }

    /// Thickness on a ray at `radius`.
    fn on(&self, ray: Ray, radius: f64) -> Option<f32> {
        let line = &self.lines[ray.line];
        line.profile.at(line.foot + if ray.forward { radius } else { -radius })
    }

    /// Cells of at most `step` millimetres that tile the area between the rays: their centres and areas. No cell extends
    /// beyond a ray, the end of a B-scan or the arc up to which is interpolated.
    /// Cells whose centres lie more than `around` from `about` are left out.
    pub(super) fn cells(&self, step: f64, (about, around): (Place, f64)) -> Vec<(Place, f64)> {
        let farthest = self.centre.distance(about) + around;
        let count = self.rays.len();
        let pairs = (0..count).map(|i| (self.rays[i], self.rays[(i + 1) % count]));
        let sectors = pairs.map(|(a, b)| (a, (b.angle - a.angle).rem_euclid(TAU), self.reach(a).min(self.reach(b))));
        let mut cells = Vec::new();
        for (ray, between, reach) in sectors.filter(|&(_, between, _)| between > 0.0) {
            for (radius, depth) in parts(0.0, reach.min(MAX_GAP_MM / between), step).take_while(|(r, _)| *r <= farthest)
            {
                for (turn, arc) in parts(0.0, between, (step / radius).min(between)) {
                    let (sin, cos) = (ray.angle + turn).sin_cos();
                    let place = Place { x: self.centre.x + radius * cos, y: self.centre.y + radius * sin };
                    if place.distance(about) <= around {
                        cells.push((place, radius * depth * arc));
                    }
                }
            }
        }
        cells
    }

    /// Distance from the centre to the end of a ray, half a spacing beyond its last A-scan.
    fn reach(&self, ray: Ray) -> f64 {
        let Line { foot, profile, .. } = &self.lines[ray.line];
        let half = 0.5 * profile.step;
        if ray.forward { profile.last() + half - foot } else { foot - profile.first + half }
    }

    pub(super) const fn centre(&self) -> Place {
        self.centre
    }

    /// The outermost A-scans of all B-scans.
    pub(super) fn ends(&self) -> impl Iterator<Item = Place> {
        let at = |l: &Line, u: f64| Place { x: l.start.x + u * l.along.0, y: l.start.y + u * l.along.1 };
        self.lines.iter().flat_map(move |l| [l.profile.first, l.profile.last()].map(|u| at(l, u)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::enface::{CentreSource, EtdrsGrid, Slice, ThicknessMap, find_fovea},
        scan::{BScanPosition, Eye},
    };

    const MIDDLE: Place = Place { x: 4.0, y: 5.0 };

    /// B-scans of 6.4 mm through the centre at equal angles, with the given `thickness`.
    fn radial(bscans: usize, thickness: impl Fn(Place) -> Option<f32>) -> Vec<Slice> {
        let line = |i: usize| {
            let (sin, cos) = (PI * i as f64 / bscans as f64).sin_cos();
            let at = |r: f64| Place { x: MIDDLE.x + r * cos, y: MIDDLE.y + r * sin };
            let track = BScanPosition::Line { start: at(-3.2), end: at(3.2) };
            Slice { track, thickness: (0..320).map(|x| thickness(track.at(x, 320))).collect() }
        };
        (0..bscans).map(line).collect()
    }

    fn subfield(grid: &EtdrsGrid, name: &str) -> (f64, f32) {
        let found = grid.subfields.iter().find(|s| s.at.name() == name).expect("a subfield");
        (found.mean_um.map_or(f64::NAN, f64::from), found.coverage)
    }

    #[test]
    fn a_dense_scan_gives_the_means_of_a_cone_and_of_a_slope() {
        let cone = |p: Place| Some((100.0 + 50.0 * p.distance(MIDDLE)) as f32);
        let map = ThicknessMap::new(&radial(24, cone)).expect("a map");
        let grid = EtdrsGrid::measure(&map, MIDDLE, Some(Eye::Right));
        // The mean radius of a ring from a to b is 2/3 (b^3 - a^3) / (b^2 - a^2).
        let ring = |a: f64, b: f64| 100.0 + 50.0 * 2.0 / 3.0 * (b.powi(3) - a.powi(3)) / (b * b - a * a);
        for (name, expected) in [("C", ring(0.0, 0.5)), ("N1", ring(0.5, 1.5)), ("I2", ring(1.5, 3.0))] {
            let (mean, coverage) = subfield(&grid, name);
            assert!((mean - expected).abs() < 0.5 && coverage > 0.999, "{name}: {mean} for {expected}, {coverage}");
        }
        let slope = |p: Place| Some((300.0 + 20.0 * (p.x - MIDDLE.x)) as f32);
        let map = ThicknessMap::new(&radial(24, slope)).expect("a map");
        let right = EtdrsGrid::measure(&map, MIDDLE, Some(Eye::Right));
        let left = EtdrsGrid::measure(&map, MIDDLE, Some(Eye::Left));
        // Mean distance to the right over the quarter ring from a to b.
        let quarter = |a: f64, b: f64| 4.0 / 3.0 * (b.powi(3) - a.powi(3)) / (PI * (b * b - a * a)) * 2.0_f64.sqrt();
        let expected = 300.0 + 20.0 * quarter(1.5, 3.0);
        assert!((subfield(&right, "N2").0 - expected).abs() < 0.7, "{} for {expected}", subfield(&right, "N2").0);
        assert!((subfield(&right, "N2").0 - subfield(&left, "T2").0).abs() < 1e-3);
        assert!((subfield(&right, "S2").0 - 300.0).abs() < 0.1);
    }

    #[test]
    fn a_sparse_scan_covers_only_the_centre() {
        let map = ThicknessMap::new(&radial(6, |_| Some(250.0))).expect("a map");
        let grid = EtdrsGrid::measure(&map, MIDDLE, Some(Eye::Right));
        // Radius at which two of twelve rays are half a millimetre apart.
        let reach = MAX_GAP_MM / (PI / 6.0);
        let expected = (reach * reach - 0.25) / 2.0;
        assert!((f64::from(subfield(&grid, "S1").1) - expected).abs() < 0.02, "{}", subfield(&grid, "S1").1);
        assert!(subfield(&grid, "C").1 > 0.998);
        assert!(grid.subfields.iter().all(|s| s.mean_um.is_none_or(|um| (um - 250.0).abs() < 1e-3)));
        assert_eq!(map.at(Place { x: MIDDLE.x + 2.0, y: MIDDLE.y + 0.3 }), None);
    }

    #[test]
    fn the_fovea_is_found_off_the_centre() {
        let at = Place { x: MIDDLE.x + 0.3, y: MIDDLE.y - 0.2 };
        let pit = |p: Place| Some((330.0 - 110.0 * (-(p.distance(at) / 0.5).powi(2)).exp()) as f32);
        let map = ThicknessMap::new(&radial(12, pit)).expect("a map");
        let found = find_fovea(&map);
        assert!(found.from == CentreSource::Fovea && found.place.distance(at) < 0.1, "{found:?}");
        assert!(map.middle().distance(MIDDLE) < 1e-9);
        let (low, high) = map.extent();
        assert!((high.x - low.x - 6.38).abs() < 0.01 && (high.y - low.y - 6.38).abs() < 0.01);
    }

    #[test]
    fn a_star_of_six_lines_shows_its_fovea_and_a_flat_retina_none() {
        for (dx, dy) in [(0.0, 0.0), (0.3, -0.2), (-0.15, 0.35), (0.0, 0.5)] {
            let at = Place { x: MIDDLE.x + dx, y: MIDDLE.y + dy };
            let pit = |p: Place| Some((330.0 - 110.0 * (-(p.distance(at) / 0.5).powi(2)).exp()) as f32);
            let found = find_fovea(&ThicknessMap::new(&radial(6, pit)).expect("a map"));
            assert!(found.from == CentreSource::Fovea && found.place.distance(at) < 0.16, "{found:?} for {at:?}");
        }
        let flat = find_fovea(&ThicknessMap::new(&radial(6, |_| Some(300.0))).expect("a map"));
        assert_eq!(flat.from, CentreSource::ScanMiddle);
    }

    #[test]
    fn the_cells_of_a_star_tile_its_area() {
        for bscans in [6, 24] {
            let radial = Radial::new(&radial(bscans, |_| Some(1.0))).expect("a star");
            let area: f64 = radial.cells(0.02, (MIDDLE, 100.0)).iter().map(|(_, area)| area).sum();
            let reach = (MAX_GAP_MM / (PI / bscans as f64)).min(3.2);
            assert!((area - PI * reach * reach).abs() < 1e-9, "{area} for {reach}");
        }
    }

    #[test]
    fn gaps_stay_gaps_and_lines_that_miss_the_centre_are_no_radial() {
        let open = |p: Place| (p.distance(MIDDLE) > 1.0).then_some(200.0);
        let map = ThicknessMap::new(&radial(24, open)).expect("a map");
        assert_eq!(map.at(Place { x: MIDDLE.x + 0.5, y: MIDDLE.y }), None);
        assert_eq!(map.at(Place { x: MIDDLE.x + 1.5, y: MIDDLE.y }), Some(200.0));
        assert!(Radial::new(&radial(2, |_| Some(1.0))).is_none());
        let again = [radial(2, |_| Some(1.0)), radial(1, |_| Some(1.0))].concat();
        assert!(ThicknessMap::new(&again).is_none(), "one line twice");
        let mut moved = radial(6, |_| Some(1.0));
        let BScanPosition::Line { start, end } = moved[2].track else { panic!("a line") };
        let off = |p: Place| Place { x: p.x + 1.5, y: p.y };
        moved[2].track = BScanPosition::Line { start: off(start), end: off(end) };
        assert!(ThicknessMap::new(&moved).is_none());
        moved[2].track = BScanPosition::Line { start, end: start };
        assert!(ThicknessMap::new(&moved).is_none(), "a line without length");
    }
}
