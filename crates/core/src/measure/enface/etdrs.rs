//! The ETDRS grid (Early Treatment Diabetic Retinopathy Study): circles of 1, 3 and 6 mm diameter around the fovea.

use serde::Serialize;

use super::{Side, ThicknessMap, weighted_mean::WeightedMean};
use crate::scan::{Eye, Place};

/// Radii of the circles in millimetres (ETDRS report 10, Ophthalmology 1991).
pub const ETDRS_RADII_MM: [f64; 3] = [0.5, 1.5, 3.0];
/// Up, right, down and left, as (right, down) components.
const DIRECTIONS: [(f64, f64); 4] = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)];
/// Spacing of the sampled places in millimetres.
const STEP: f64 = 0.02;

/// Smallest covered share of an area whose mean may stand for the whole area.
pub const COVERED: f32 = 0.95;

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
    /// WeightedMean over the covered part in micrometres; `None` if nothing is covered.
    pub mean_um: Option<f32>,
    /// Share of the subfield's area in which thickness is known, 0 to 1.
    pub coverage: f32,
    /// Volume of the covered part in cubic millimetres.
    pub volume_mm3: f64,
}

/// Thickness of one layer in the nine subfields.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EtdrsGrid {
    /// The subfields in the order of [`Subfield::all`].
    pub subfields: Vec<SubfieldThickness>,
    /// Volume of the covered part of the whole grid in cubic millimetres.
    pub volume_mm3: f64,
    /// Share of the whole grid in which thickness is known, 0 to 1.
    pub coverage: f32,
}

impl EtdrsGrid {
    /// Measures `thickness` around `centre`. The mean of a partly covered subfield is over the covered part.
    #[must_use]
    pub fn measure(thickness: &ThicknessMap, centre: Place, eye: Option<Eye>) -> Self {
        let order = Subfield::all(eye);
        let mut means = [WeightedMean::default(); 9];
        let steps = (ETDRS_RADII_MM[2] / STEP).ceil() as i32;
        for i in -steps..=steps {
            for j in -steps..=steps {
                let (dx, dy) = (STEP * f64::from(i), STEP * f64::from(j));
                let index = Subfield::of((dx, dy), eye).and_then(|s| order.iter().position(|&o| o == s));
                if let Some(index) = index {
                    means[index].add(thickness.at(Place { x: centre.x + dx, y: centre.y + dy }), STEP * STEP);
                }
            }
        }
        let whole = means.into_iter().fold(WeightedMean::default(), WeightedMean::with);
        Self {
            subfields: order.into_iter().zip(means).map(|(subfield, mean)| in_subfield(subfield, mean)).collect(),
            volume_mm3: whole.sum() / 1000.0,
            coverage: whole.coverage(),
        }
    }
}

fn in_subfield(subfield: Subfield, mean: WeightedMean) -> SubfieldThickness {
    // um times mm2 is a thousandth of mm3.
    SubfieldThickness {
        at: subfield,
        mean_um: mean.value(),
        coverage: mean.coverage(),
        volume_mm3: mean.sum() / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

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
