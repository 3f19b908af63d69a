//! Ganglion cell and inner plexiform layer (GCL+IPL) in an elliptical annulus around the fovea, in six sectors.
//!
//! Radii and sectors follow Zeiss's ganglion cell analysis (Mwanza et al., Invest. Ophthalmol. Vis. Sci. 2011): 0.6 to
//! 2.4 mm horizontally, 0.5 to 2.0 mm vertically. The minimum is the smallest mean along a meridian.

use serde::Serialize;

use super::{ThicknessMap, weighted_mean::WeightedMean};
use crate::scan::{Eye, Place};

const INNER: (f64, f64) = (0.6, 0.5);
const OUTER: (f64, f64) = (2.4, 2.0);
/// Number of meridians, one per degree.
const MERIDIANS: usize = 360;
/// Number of samples along a meridian.
const SAMPLES: usize = 60;
/// Coverage from which a meridian counts as complete.
const COMPLETE: f32 = 0.999;

/// A sector of the annulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GciplSector {
    /// Superior.
    Superior,
    /// Superior, nasal.
    SuperoNasal,
    /// Inferior, nasal.
    InferoNasal,
    /// Inferior.
    Inferior,
    /// Inferior, temporal.
    InferoTemporal,
    /// Superior, temporal.
    SuperoTemporal,
}

impl GciplSector {
    /// Every sector, from superior round by the nose.
    pub const ALL: [Self; 6] = [
        Self::Superior,
        Self::SuperoNasal,
        Self::InferoNasal,
        Self::Inferior,
        Self::InferoTemporal,
        Self::SuperoTemporal,
    ];

    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Superior => "superior",
            Self::SuperoNasal => "supero_nasal",
            Self::InferoNasal => "infero_nasal",
            Self::Inferior => "inferior",
            Self::InferoTemporal => "infero_temporal",
            Self::SuperoTemporal => "supero_temporal",
        }
    }

    /// The sector at (right, down) millimetres from the fovea of `eye`; `None` outside the annulus.
    fn at((right, down): (f64, f64), eye: Eye) -> Option<Self> {
        let beyond = |(x, y): (f64, f64)| (right / x).hypot(down / y) > 1.0;
        // Meridians are those of the ellipse through the place.
        let ratio = OUTER.0 / OUTER.1;
        let clockwise = (right / ratio).atan2(-down).to_degrees();
        let by_nose = if eye == Eye::Right { clockwise } else { -clockwise };
        (beyond(INNER) && !beyond(OUTER)).then(|| Self::ALL[((by_nose + 30.0).rem_euclid(360.0) / 60.0) as usize % 6])
    }
}

/// Thickness in one sector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SectorThickness {
    /// The sector.
    pub sector: GciplSector,
    /// Mean over its covered part in micrometres; `None` if less than [`SHOWN`](super::SHOWN) is covered.
    pub mean_um: Option<f32>,
    /// Half of the 95 % interval of the mean in micrometres; `None` without a mean.
    pub half_width_um: Option<f32>,
}

/// Thickness in the annulus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GciplThickness {
    /// Each sector, in the order of [`GciplSector::ALL`].
    pub sectors: Vec<SectorThickness>,
    /// Mean over the annulus in micrometres.
    pub average_um: Option<f32>,
    /// Half of its 95 % interval in micrometres.
    pub average_half_width_um: Option<f32>,
    /// Smallest mean along a meridian in micrometres.
    pub minimum_um: Option<f32>,
    /// Mean over the upper half of the annulus in micrometres.
    pub superior_half_um: Option<f32>,
    /// Mean over its lower half.
    pub inferior_half_um: Option<f32>,
    /// Mean of the upper half minus that of the lower half.
    pub difference_um: Option<f32>,
    /// Share of the annulus in which thickness is known, 0 to 1.
    pub coverage: f32,
}

impl GciplThickness {
    /// Measures the annulus around the fovea.
    #[must_use]
    pub fn measure(gcipl: &ThicknessMap, fovea: Place, eye: Eye) -> Self {
        let mut sectors = [WeightedMean::default(); 6];
        let mut halves = [WeightedMean::default(); 2];
        let mut minimum: Option<f32> = None;
        for degree in 0..MERIDIANS {
            // Clockwise from the top.
            let angle = (degree as f64 + 0.5).to_radians();
            let (right, up) = angle.sin_cos();
            // Sectors go round by the nose, which is on the left in a left eye.
            let by_nose = if eye == Eye::Right { degree } else { MERIDIANS - 1 - degree };
            let sector = &mut sectors[(by_nose + 30) / 60 % 6];
            let mut meridian = WeightedMean::default();
            for i in 0..SAMPLES {
                let t = (i as f64 + 0.5) / SAMPLES as f64;
                let radius = |(inner, outer): (f64, f64)| inner + t * (outer - inner);
                let (rx, ry) = (radius((INNER.0, OUTER.0)), radius((INNER.1, OUTER.1)));
                // The area of a sample grows with its radius.
                let weight = (rx * ry).sqrt();
                let thickness = gcipl.at(Place { x: fovea.x + rx * right, y: fovea.y - ry * up });
                meridian.add(thickness, 1.0);
                sector.add(thickness, weight);
                halves[usize::from(up < 0.0)].add(thickness, weight);
            }
            if meridian.coverage() > COMPLETE {
                minimum = meridian.value().into_iter().chain(minimum).reduce(f32::min);
            }
        }
        let [above, below] = halves;
        let all = above.with(below);
        let (superior_half_um, inferior_half_um) = (above.value(), below.value());
        Self {
            superior_half_um,
            inferior_half_um,
            difference_um: superior_half_um.zip(inferior_half_um).map(|(above, below)| above - below),
            sectors: GciplSector::ALL
                .into_iter()
                .zip(sectors)
                .map(|(sector, mean)| SectorThickness { sector, mean_um: mean.value(), half_width_um: None })
                .collect(),
            average_um: all.value(),
            average_half_width_um: None,
            minimum_um: minimum,
            coverage: all.coverage(),
        }
    }

    /// Adds the uncertainty of the sectors and of the average, as for [`EtdrsGrid`](super::EtdrsGrid).
    #[must_use]
    pub(super) fn with_uncertainty(
        mut self,
        eye: Eye,
        half_width_um: impl Fn(&dyn Fn((f64, f64)) -> bool) -> Option<f32>,
    ) -> Self {
        for sector in &mut self.sectors {
            let within = |place| GciplSector::at(place, eye) == Some(sector.sector);
            sector.half_width_um = sector.mean_um.and_then(|_| half_width_um(&within));
        }
        let annulus = |place| GciplSector::at(place, eye).is_some();
        self.average_half_width_um = self.average_um.and_then(|_| half_width_um(&annulus));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

    const FOVEA: Place = Place { x: 3.0, y: 3.0 };

    fn measured(eye: Eye, thickness: impl Fn(Place) -> Option<f32>) -> GciplThickness {
        let field = ThicknessMap::new(&raster((256, 61), 6.0, FOVEA, 0.0, thickness)).expect("a field");
        GciplThickness::measure(&field, FOVEA, eye)
    }

    fn sector(out: &GciplThickness, sector: GciplSector) -> f32 {
        out.sectors.iter().find(|s| s.sector == sector).and_then(|s| s.mean_um).expect("covered")
    }

    #[test]
    fn a_uniform_layer_has_its_thickness_everywhere() {
        let out = measured(Eye::Right, |_| Some(82.0));
        let all = out.sectors.iter().map(|s| s.mean_um).chain([out.average_um, out.minimum_um]);
        assert!(all.into_iter().all(|v| (v.expect("covered") - 82.0).abs() < 1e-3));
        assert!(out.coverage > 0.999);
    }

    #[test]
    fn a_thin_place_thins_its_own_sector() {
        // Thin in the upper right.
        let thin = |p: Place| Some(if p.x > FOVEA.x + 0.5 && p.y < FOVEA.y - 0.3 { 50.0 } else { 80.0 });
        let (right, left) = (measured(Eye::Right, thin), measured(Eye::Left, thin));
        assert!(sector(&right, GciplSector::SuperoNasal) < 60.0);
        assert!((sector(&right, GciplSector::SuperoTemporal) - 80.0).abs() < 0.1);
        assert!(sector(&left, GciplSector::SuperoTemporal) < 60.0);
        assert!((sector(&left, GciplSector::SuperoNasal) - 80.0).abs() < 0.1);
        assert!((right.minimum_um.expect("covered") - 50.0).abs() < 1.5);
        assert!((sector(&right, GciplSector::Inferior) - 80.0).abs() < 0.1);
    }

    #[test]
    fn the_hemifield_difference_is_upper_minus_lower_in_both_eyes() {
        let step = |p: Place| Some(if p.y < FOVEA.y { 84.0 } else { 79.0 });
        for eye in [Eye::Right, Eye::Left] {
            let out = measured(eye, step);
            assert!((out.difference_um.expect("covered") - 5.0).abs() < 0.3, "{:?}", out.difference_um);
            assert!(out.superior_half_um > out.inferior_half_um);
        }
    }

    #[test]
    fn incomplete_meridians_do_not_count_for_the_minimum() {
        let open = |p: Place| match p.x - FOVEA.x {
            right if right >= 1.0 => None,
            right => Some(if right > 0.7 { 10.0 } else { 80.0 }),
        };
        let out = measured(Eye::Right, open);
        assert!(out.minimum_um.expect("some are whole") > 20.0, "{:?}", out.minimum_um);
        assert!(out.coverage < 0.9);
    }

    #[test]
    fn places_are_in_the_sector_that_is_measured_there() {
        for eye in [Eye::Right, Eye::Left] {
            for sector in GciplSector::ALL {
                let within = |p: Place| GciplSector::at((p.x - FOVEA.x, p.y - FOVEA.y), eye) == Some(sector);
                let out = measured(eye, |p| Some(if within(p) { 100.0 } else { 0.0 }));
                let mean = self::sector(&out, sector);
                // Linear between B-scans, so that the borders blur.
                assert!(mean > 93.0, "{sector:?} {mean}");
            }
        }
    }
}
