//! Ganglion cell complex: nerve fibres, ganglion cells and inner plexiform layer around the fovea, above and below it.

use serde::Serialize;

use super::{
    ThicknessMap,
    cells::{CELL_MM, parts_of},
    weighted_mean::WeightedMean,
};
use crate::scan::Place;

/// Radius of the measured disc around the fovea in millimetres: that of the ETDRS grid.
const RADIUS_MM: f64 = 3.0;

/// Thickness of the ganglion cell complex within 6 mm diameter around the fovea.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GccThickness {
    /// Mean over the disc in micrometres; `None` if too little is covered.
    pub average_um: Option<f32>,
    /// Half of the 95 % interval of the average, in micrometres.
    pub average_half_width_um: Option<f32>,
    /// Mean over its upper half.
    pub superior_um: Option<f32>,
    /// Mean over its lower half.
    pub inferior_um: Option<f32>,
    /// Mean of the upper half minus that of the lower half.
    pub difference_um: Option<f32>,
    /// Share of the disc in which thickness is known, 0 to 1.
    pub coverage: f32,
    /// Share of the less covered half in which thickness is known, 0 to 1.
    pub half_coverage: f32,
}

impl GccThickness {
    /// Measures `gcc`, the thickness of the complex, around the fovea.
    #[must_use]
    pub fn measure(gcc: &ThicknessMap, fovea: Place) -> Self {
        let half = 0.5 * std::f64::consts::PI * RADIUS_MM * RADIUS_MM;
        let mut halves = [WeightedMean::over(half); 2];
        for (place, area) in gcc.cells(CELL_MM, (fovea, RADIUS_MM + CELL_MM)) {
            let Some(um) = gcc.at(place) else { continue };
            for ((right, down), area) in parts_of((place.x - fovea.x, place.y - fovea.y), area, &[RADIUS_MM]) {
                if right.hypot(down) <= RADIUS_MM {
                    halves[usize::from(down > 0.0)].add_known(um, area);
                }
            }
        }
        let [above, below] = halves;
        let whole = above.with(below);
        let (superior_um, inferior_um) = (above.value(), below.value());
        Self {
            average_um: whole.value(),
            average_half_width_um: None,
            superior_um,
            inferior_um,
            difference_um: superior_um.zip(inferior_um).map(|(above, below)| above - below),
            coverage: whole.coverage(),
            half_coverage: above.coverage().min(below.coverage()),
        }
    }

    /// Adds the uncertainty of the average, as for [`EtdrsGrid`](super::EtdrsGrid).
    #[must_use]
    pub(super) fn with_uncertainty(self, half_width_um: impl Fn(&dyn Fn((f64, f64)) -> bool) -> Option<f32>) -> Self {
        let within = |(right, down): (f64, f64)| right.hypot(down) <= RADIUS_MM;
        Self { average_half_width_um: self.average_um.and_then(|_| half_width_um(&within)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

    const FOVEA: Place = Place { x: 3.5, y: 3.5 };

    #[test]
    fn halves_of_a_slope_differ_by_its_integral() {
        let slope = |p: Place| Some((100.0 + 10.0 * (FOVEA.y - p.y)) as f32);
        for angle in [0.0, 0.4, 1.6] {
            let map = ThicknessMap::new(&raster((256, 61), 9.0, FOVEA, angle, slope)).expect("a map");
            let gcc = GccThickness::measure(&map, FOVEA);
            // The centroid of a half disc lies 4 r / (3 pi) from its centre.
            let expected = 2.0 * 10.0 * 4.0 * 3.0 / (3.0 * std::f64::consts::PI);
            let difference = f64::from(gcc.difference_um.expect("covered"));
            assert!((difference - expected).abs() < 0.1, "{difference} for {expected}");
            assert!((gcc.average_um.expect("covered") - 100.0).abs() < 0.05 && gcc.coverage > 0.998);
        }
    }

    #[test]
    fn a_half_that_is_not_scanned_has_no_difference() {
        let upper = |p: Place| (p.y < FOVEA.y).then_some(100.0);
        let map = ThicknessMap::new(&raster((256, 61), 7.0, FOVEA, 0.0, upper)).expect("a map");
        let gcc = GccThickness::measure(&map, FOVEA);
        assert_eq!((gcc.superior_um, gcc.inferior_um, gcc.difference_um), (Some(100.0), None, None));
        assert!(gcc.half_coverage < 0.05);
    }
}
