//! The ETDRS grid (Early Treatment Diabetic Retinopathy Study): circles of 1, 3 and 6 mm diameter around the fovea.

use serde::Serialize;

use super::{
    Side, ThicknessMap,
    cells::{CELL_MM, parts_of},
    weighted_mean::WeightedMean,
};
use crate::scan::{Eye, Place};

/// Radii of the circles in millimetres (ETDRS report 10, Ophthalmology 1991).
pub const ETDRS_RADII_MM: [f64; 3] = [0.5, 1.5, 3.0];
/// Up, right, down and left, as (right, down) components.
const DIRECTIONS: [(f64, f64); 4] = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)];

/// One of the nine subfields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subfield {
    /// Within 0.5 mm of the centre.
    Central,
    /// From 0.5 to 1.5 mm.
    Inner(Side),
    /// From 1.5 to 3 mm.
    Outer(Side),
}

impl Serialize for Subfield {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl Subfield {
    /// Short name: `C`, `S1`, `N1` ... `T2`; with `L` and `R` as sides if the eye is unknown.
    #[must_use]
    pub fn name(self) -> String {
        let letter = |side| match side {
            Side::Superior => 'S',
            Side::Nasal => 'N',
            Side::Inferior => 'I',
            Side::Temporal => 'T',
            Side::Left => 'L',
            Side::Right => 'R',
        };
        match self {
            Self::Central => "C".to_owned(),
            Self::Inner(s) => format!("{}1", letter(s)),
            Self::Outer(s) => format!("{}2", letter(s)),
        }
    }

    /// Area in square millimetres.
    #[must_use]
    pub fn area_mm2(self) -> f64 {
        let [inner, middle, outer] = ETDRS_RADII_MM.map(|r| std::f64::consts::PI * r * r);
        match self {
            Self::Central => inner,
            Self::Inner(_) => (middle - inner) / 4.0,
            Self::Outer(_) => (outer - middle) / 4.0,
        }
    }

    /// Middle of the subfield in `eye`: (right, down) from the grid's centre, in millimetres.
    #[must_use]
    pub fn middle(self, eye: Option<Eye>) -> (f64, f64) {
        let (ring, towards) = match self {
            Self::Central => return (0.0, 0.0),
            Self::Inner(side) => (0, side),
            Self::Outer(side) => (1, side),
        };
        let distance = f64::midpoint(ETDRS_RADII_MM[ring], ETDRS_RADII_MM[ring + 1]);
        let (x, y) = DIRECTIONS.into_iter().find(|&d| Side::of_direction(d, eye) == towards).unwrap_or_default();
        (distance * x, distance * y)
    }

    /// The subfields of an eye: centre, inner ring, outer ring.
    #[must_use]
    pub fn all(eye: Option<Eye>) -> [Self; 9] {
        let sides = DIRECTIONS.map(|direction| Side::of_direction(direction, eye));
        let [s, right, i, left] = sides;
        // Nasal comes before temporal in both eyes.
        let (n, t) = if eye == Some(Eye::Left) { (left, right) } else { (right, left) };
        let [inner, outer] = [Self::Inner, Self::Outer].map(|ring| [s, n, i, t].map(ring));
        let [a, b, c, d] = inner;
        let [e, f, g, h] = outer;
        [Self::Central, a, b, c, d, e, f, g, h]
    }

    /// The subfield at (right, down) millimetres from the centre; `None` outside the grid.
    pub(super) fn of((right, down): (f64, f64), eye: Option<Eye>) -> Option<Self> {
        let distance = right.hypot(down);
        let ring = ETDRS_RADII_MM.iter().position(|&r| distance <= r)?;
        let side = Side::of_direction((right, down), eye);
        Some([Self::Central, Self::Inner(side), Self::Outer(side)][ring])
    }
}

/// Thickness in one subfield.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SubfieldThickness {
    /// The subfield.
    #[serde(rename = "subfield")]
    pub at: Subfield,
    /// Mean over the covered part in micrometres; `None` if less than [`SHOWN`](super::SHOWN) is covered.
    pub mean_um: Option<f32>,
    /// Share of the subfield's area in which thickness is known, 0 to 1.
    pub coverage: f32,
    /// Volume of the covered part in cubic millimetres.
    pub volume_mm3: f64,
    /// Half of the 95 % interval of the mean in micrometres; `None` without a mean.
    pub half_width_um: Option<f32>,
}

/// Thickness of one layer in the nine subfields.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EtdrsGrid {
    /// The subfields in the order of [`Subfield::all`].
    pub subfields: Vec<SubfieldThickness>,
    /// Volume of the covered part of the whole grid in cubic millimetres.
    pub volume_mm3: f64,
    /// Half of the 95 % interval of that volume; `None` if nothing is covered.
    pub volume_half_width_mm3: Option<f64>,
    /// Share of the whole grid in which thickness is known, 0 to 1.
    pub coverage: f32,
}

impl EtdrsGrid {
    /// Measures `thickness` around `centre`. The mean of a partly covered subfield is over the covered part.
    #[must_use]
    pub fn measure(thickness: &ThicknessMap, centre: Place, eye: Option<Eye>) -> Self {
        let order = Subfield::all(eye);
        let mut means = order.map(|subfield| WeightedMean::over(subfield.area_mm2()));
        for (place, area) in thickness.cells(CELL_MM, (centre, ETDRS_RADII_MM[2] + CELL_MM)) {
            let Some(um) = thickness.at(place) else { continue };
            for (from_centre, area) in parts_of((place.x - centre.x, place.y - centre.y), area, &ETDRS_RADII_MM) {
                let subfield = Subfield::of(from_centre, eye);
                if let Some(index) = subfield.and_then(|s| order.iter().position(|&o| o == s)) {
                    means[index].add_known(um, area);
                }
            }
        }
        let whole = means.into_iter().fold(WeightedMean::default(), WeightedMean::with);
        Self {
            subfields: order.into_iter().zip(means).map(|(subfield, mean)| in_subfield(subfield, mean)).collect(),
            volume_mm3: whole.sum() / 1000.0,
            volume_half_width_mm3: None,
            coverage: whole.coverage(),
        }
    }

    /// Adds the uncertainty of each subfield and of the grid: `half_width_um` gives that of the mean within an area of
    /// (right, down) millimetres from the centre.
    #[must_use]
    pub(super) fn with_uncertainty(
        mut self,
        eye: Option<Eye>,
        half_width_um: impl Fn(&dyn Fn((f64, f64)) -> bool) -> Option<f32>,
    ) -> Self {
        for field in &mut self.subfields {
            let within = |place| Subfield::of(place, eye) == Some(field.at);
            field.half_width_um = field.mean_um.and_then(|_| half_width_um(&within));
        }
        let whole = half_width_um(&|place| Subfield::of(place, eye).is_some());
        let area: f64 = self.subfields.iter().map(|field| f64::from(field.coverage) * field.at.area_mm2()).sum();
        self.volume_half_width_mm3 = whole.filter(|_| area > 0.0).map(|um| f64::from(um) * area / 1000.0);
        self
    }
}

fn in_subfield(subfield: Subfield, mean: WeightedMean) -> SubfieldThickness {
    // um times mm2 is a thousandth of mm3.
    SubfieldThickness {
        at: subfield,
        mean_um: mean.value(),
        coverage: mean.coverage(),
        volume_mm3: mean.sum() / 1000.0,
        half_width_um: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::enface::{Slice, fixtures::raster},
        scan::BScanPosition,
    };

    const MIDDLE: Place = Place { x: 4.0, y: 4.0 };

    fn grid(eye: Option<Eye>, centre: Place, thickness: impl Fn(Place) -> Option<f32>) -> EtdrsGrid {
        let field = ThicknessMap::new(&raster((256, 61), 6.4, MIDDLE, 0.0, thickness)).expect("a field");
        EtdrsGrid::measure(&field, centre, eye)
    }

    fn mean(grid: &EtdrsGrid, name: &str) -> f32 {
        let found = grid.subfields.iter().find(|s| s.at.name() == name).expect("a subfield");
        found.mean_um.expect("covered")
    }

    #[test]
    fn a_uniform_layer_has_one_thickness_and_its_volume() {
        let grid = grid(Some(Eye::Right), MIDDLE, |_| Some(250.0));
        assert!(grid.subfields.iter().all(|s| (s.mean_um.unwrap_or(0.0) - 250.0).abs() < 1e-3 && s.coverage > 0.999));
        let expected = std::f64::consts::PI * 9.0 * 0.25;
        assert!((grid.volume_mm3 / expected - 1.0).abs() < 0.005, "{} for {expected}", grid.volume_mm3);
    }

    #[test]
    fn the_volume_of_a_few_bscans_is_exact() {
        // Two B-scans of 8 mm through the centre, which cover a strip of twice their distance.
        for apart in [0.05, 0.13, 0.25, 0.5] {
            let line = |y: f64| BScanPosition::Line { start: Place { x: -4.0, y }, end: Place { x: 4.0, y } };
            let slice = |y: f64| Slice { track: line(y), thickness: (0..800).map(|_| Some(300.0)).collect() };
            let map = ThicknessMap::new(&[slice(-0.5 * apart), slice(0.5 * apart)]).expect("a map");
            let grid = EtdrsGrid::measure(&map, Place::default(), Some(Eye::Right));
            // Area of the strip within the circle of 3 mm.
            let y: f64 = apart;
            let area = 2.0 * (y * (9.0 - y * y).sqrt() + 9.0 * (y / 3.0).asin());
            assert!(
                (grid.volume_mm3 / (0.3 * area) - 1.0).abs() < 1e-3,
                "{apart}: {} for {}",
                grid.volume_mm3,
                0.3 * area
            );
        }
    }

    #[test]
    fn the_means_of_a_cone_are_those_of_its_rings() {
        let grid = grid(Some(Eye::Right), MIDDLE, |p| Some((100.0 + 50.0 * p.distance(MIDDLE)) as f32));
        // The mean radius of a ring from a to b is 2/3 (b^3 - a^3) / (b^2 - a^2).
        let ring = |a: f64, b: f64| 100.0 + 50.0 * 2.0 / 3.0 * (b.powi(3) - a.powi(3)) / (b * b - a * a);
        for (name, expected) in [("C", ring(0.0, 0.5)), ("S1", ring(0.5, 1.5)), ("T2", ring(1.5, 3.0))] {
            assert!((f64::from(mean(&grid, name)) - expected).abs() < 0.5, "{name}: {}", mean(&grid, name));
        }
    }

    #[test]
    fn a_slope_towards_the_right_is_nasal_in_a_right_eye_and_temporal_in_a_left_one() {
        let slope = |p: Place| Some((300.0 + 20.0 * (p.x - MIDDLE.x)) as f32);
        let right = grid(Some(Eye::Right), MIDDLE, slope);
        let left = grid(Some(Eye::Left), MIDDLE, slope);
        assert!(mean(&right, "N2") > 330.0 && mean(&right, "T2") < 270.0);
        assert!((mean(&right, "N2") - mean(&left, "T2")).abs() < 1e-3);
        assert!((mean(&right, "S1") - mean(&right, "I1")).abs() < 0.5);
        assert!(mean(&grid(None, MIDDLE, slope), "R2") > 330.0);
    }

    #[test]
    fn the_middle_of_a_subfield_lies_in_it() {
        for eye in [Some(Eye::Right), Some(Eye::Left), None] {
            for subfield in Subfield::all(eye) {
                assert_eq!(Subfield::of(subfield.middle(eye), eye), Some(subfield));
            }
        }
    }

    #[test]
    fn a_decentred_scan_covers_part_of_the_grid() {
        let centre = Place { x: MIDDLE.x + 2.0, y: MIDDLE.y };
        let grid = grid(Some(Eye::Right), centre, |_| Some(250.0));
        let of = |name: &str| *grid.subfields.iter().find(|s| s.at.name() == name).expect("a subfield");
        assert!(of("N2").coverage < 0.05 && of("T2").coverage > 0.999, "{:?}", of("N2"));
        assert!((0.3..0.9).contains(&of("S2").coverage));
        assert_eq!(of("S2").mean_um, Some(250.0));
        assert!(grid.coverage < 0.9);
    }
}
