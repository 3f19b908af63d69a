//! Thickness along a circle around the optic disc: quadrants, clock hours and the TSNIT profile.

use serde::Serialize;

use super::{Side, weighted_mean::WeightedMean};
use crate::{
    layer::{Layer, Measured},
    measure::uncertainty::MeanError,
    scan::{BScanPosition, Eye, Place},
};

/// A quadrant of the circle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quadrant {
    /// Temporal, superior, nasal or inferior.
    pub side: Side,
    /// Mean over its determined A-scans in micrometres.
    pub mean_um: Option<f32>,
    /// Share of its A-scans that are determined, 0 to 1.
    pub coverage: f32,
    /// Half of the 95 % interval of the mean in micrometres; `None` without a mean.
    pub half_width_um: Option<f32>,
}

/// A clock hour: a twelfth of the circle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClockHour {
    /// 1 to 12, as on a clock face over the fundus image: 3 is on the right, which is nasal in a right eye.
    pub hour: u8,
    /// Mean over its determined A-scans in micrometres.
    pub mean_um: Option<f32>,
    /// Half of the 95 % interval of the mean in micrometres; `None` without a mean.
    pub half_width_um: Option<f32>,
}

/// A sector of the disc after Garway-Heath et al. (Ophthalmology 2000;107:1809), as scanners report it: 90 degrees
/// temporal, 110 nasal, 40 each between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GarwayHeath {
    /// Temporal.
    Temporal,
    /// Temporal, superior.
    TemporalSuperior,
    /// Nasal, superior.
    NasalSuperior,
    /// Nasal.
    Nasal,
    /// Nasal, inferior.
    NasalInferior,
    /// Temporal, inferior.
    TemporalInferior,
}

impl GarwayHeath {
    /// Every sector, from temporal over superior.
    pub const ALL: [Self; 6] = [
        Self::Temporal,
        Self::TemporalSuperior,
        Self::NasalSuperior,
        Self::Nasal,
        Self::NasalInferior,
        Self::TemporalInferior,
    ];

    /// The sector at an angle in degrees, from temporal over superior.
    fn at(degrees: f64) -> Self {
        match degrees.rem_euclid(360.0) {
            a if a < 45.0 => Self::Temporal,
            a if a < 85.0 => Self::TemporalSuperior,
            a if a < 125.0 => Self::NasalSuperior,
            a if a < 235.0 => Self::Nasal,
            a if a < 275.0 => Self::NasalInferior,
            a if a < 315.0 => Self::TemporalInferior,
            _ => Self::Temporal,
        }
    }

    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Temporal => "t",
            Self::TemporalSuperior => "ts",
            Self::NasalSuperior => "ns",
            Self::Nasal => "n",
            Self::NasalInferior => "ni",
            Self::TemporalInferior => "ti",
        }
    }
}

/// Thickness in a sector of Garway-Heath.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CircleSector {
    /// The sector.
    pub sector: GarwayHeath,
    /// Mean over its determined A-scans in micrometres.
    pub mean_um: Option<f32>,
    /// Share of its A-scans that are determined, 0 to 1.
    pub coverage: f32,
    /// Half of the 95 % interval of the mean in micrometres; `None` without a mean.
    pub half_width_um: Option<f32>,
}

/// How the middle of the optic disc was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscSource {
    /// The centre of the scanned circle, which the operator of the scanner placed on the disc.
    Circle,
    /// A person stated it.
    Stated,
}

/// The middle of the optic disc, to which the directions refer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DiscCentre {
    /// Location.
    pub place: Place,
    /// How it was found.
    pub from: DiscSource,
    /// Distance from the centre of the circle in millimetres.
    pub distance_mm: f64,
}

/// Thickness along the circle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CircleProfile {
    /// Temporal, superior, nasal, inferior.
    pub quadrants: [Quadrant; 4],
    /// Sectors of Garway-Heath, in the order of [`GarwayHeath::ALL`].
    pub sectors: [CircleSector; 6],
    /// Upper minus lower quadrant in micrometres.
    pub difference_um: Option<f32>,
    /// From 1 to 12 o'clock.
    pub clock_hours: [ClockHour; 12],
    /// Mean over all determined A-scans in micrometres.
    pub mean_um: Option<f32>,
    /// Half of the 95 % interval of that mean in micrometres.
    pub mean_half_width_um: Option<f32>,
    /// One value per degree, in micrometres, from temporal over superior, nasal and inferior.
    pub tsnit_um: Vec<Option<f32>>,
    /// Radius of the circle in millimetres.
    pub radius_mm: f64,
    /// The middle of the disc.
    pub disc: DiscCentre,
}

impl CircleProfile {
    /// Share of the circle in which thickness is known, 0 to 1; the mean over its quadrants.
    #[must_use]
    pub fn coverage(&self) -> f32 {
        self.quadrants.iter().map(|q| q.coverage).sum::<f32>() / self.quadrants.len() as f32
    }

    /// Measures the thickness along a circular B-scan: one value per A-scan, in micrometres. Directions are those from
    /// `disc` if a person stated the middle of the disc, else from the centre of the circle. `None` if the track is not
    /// a circle.
    #[must_use]
    pub fn measure(track: &BScanPosition, thickness: &[Option<f32>], eye: Eye, disc: Option<Place>) -> Option<Self> {
        let BScanPosition::Circle { centre: middle, start, .. } = *track else { return None };
        let centre = disc.unwrap_or(middle);
        let (mut quadrants, mut hours, mut whole) =
            ([WeightedMean::default(); 4], [WeightedMean::default(); 12], WeightedMean::default());
        let mut tsnit = [WeightedMean::default(); 360];
        let mut sectors = [WeightedMean::default(); 6];
        for (ascan, &value) in thickness.iter().enumerate() {
            let parts = Parts::at(track.at(ascan, thickness.len()), centre, eye);
            if let Some(quadrant) = parts.quadrant {
                quadrants[quadrant].add(value, 1.0);
            }
            hours[parts.hour].add(value, 1.0);
            sectors[parts.sector].add(value, 1.0);
            tsnit[parts.degree].add(value, 1.0);
            whole.add(value, 1.0);
        }
        let quadrant = |(mean, side): (WeightedMean, Side)| Quadrant {
            side,
            mean_um: mean.value(),
            coverage: mean.coverage(),
            half_width_um: None,
        };
        let hour =
            |i: usize| ClockHour { hour: i as u8 + 1, mean_um: hours[(i + 1) % 12].value(), half_width_um: None };
        let [_, above, _, below] = quadrants;
        Some(Self {
            sectors: std::array::from_fn(|i| CircleSector {
                sector: GarwayHeath::ALL[i],
                mean_um: sectors[i].value(),
                coverage: sectors[i].coverage(),
                half_width_um: None,
            }),
            difference_um: above.value().zip(below.value()).map(|(above, below)| above - below),
            quadrants: std::array::from_fn(|i| quadrant((quadrants[i], Side::QUADRANTS[i]))),
            clock_hours: std::array::from_fn(hour),
            mean_um: whole.value(),
            mean_half_width_um: None,
            tsnit_um: tsnit.map(WeightedMean::value).to_vec(),
            radius_mm: middle.distance(start),
            disc: DiscCentre {
                place: centre,
                from: if disc.is_some() { DiscSource::Stated } else { DiscSource::Circle },
                distance_mm: middle.distance(centre),
            },
        })
    }

    /// Adds the uncertainty of every mean. `deviations` are the standard deviations of the thickness of each A-scan along
    /// `track`, in micrometres.
    #[must_use]
    pub(super) fn with_uncertainty(mut self, track: &BScanPosition, deviations: &[Option<f32>], eye: Eye) -> Self {
        let half_width = |is_meant: &dyn Fn(Parts) -> bool| {
            let mut error = MeanError::default();
            for (ascan, deviation) in deviations.iter().enumerate() {
                let place = track.at(ascan, deviations.len());
                if let Some(deviation) = deviation.filter(|_| is_meant(Parts::at(place, self.disc.place, eye))) {
                    error.add(place, deviation);
                }
            }
            error.half_width_um(Measured::Layer(Layer::Nfl))
        };
        let quadrants: [_; 4] = std::array::from_fn(|i| half_width(&|parts| parts.quadrant == Some(i)));
        let sectors: [_; 6] = std::array::from_fn(|i| half_width(&|parts| parts.sector == i));
        let hours: [_; 12] = std::array::from_fn(|i| half_width(&|parts| parts.hour == (i + 1) % 12));
        self.mean_half_width_um = self.mean_um.and_then(|_| half_width(&|_| true));
        for (quadrant, um) in self.quadrants.iter_mut().zip(quadrants) {
            quadrant.half_width_um = quadrant.mean_um.and(um);
        }
        for (sector, um) in self.sectors.iter_mut().zip(sectors) {
            sector.half_width_um = sector.mean_um.and(um);
        }
        for (hour, um) in self.clock_hours.iter_mut().zip(hours) {
            hour.half_width_um = hour.mean_um.and(um);
        }
        self
    }
}

/// The parts of the circle to which a place belongs.
#[derive(Clone, Copy)]
struct Parts {
    /// In the order of [`Side::QUADRANTS`].
    quadrant: Option<usize>,
    /// 0 is twelve o'clock.
    hour: usize,
    /// In the order of [`GarwayHeath::ALL`].
    sector: usize,
    /// From temporal over superior.
    degree: usize,
}

impl Parts {
    fn at(place: Place, centre: Place, eye: Eye) -> Self {
        let (right, down) = (place.x - centre.x, place.y - centre.y);
        let side = Side::of_direction((right, down), Some(eye));
        // Degrees clockwise from 12 o'clock; an hour covers 15 degrees to either side.
        let clock = right.atan2(-down).to_degrees().rem_euclid(360.0);
        let temporal = if eye == Eye::Right { clock - 270.0 } else { 90.0 - clock };
        Self {
            quadrant: Side::QUADRANTS.iter().position(|&quadrant| quadrant == side),
            hour: ((clock + 15.0) / 30.0) as usize % 12,
            sector: GarwayHeath::at(temporal) as usize,
            degree: temporal.rem_euclid(360.0) as usize % 360,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTRE: Place = Place { x: 5.0, y: 5.0 };

    /// A circle of 1.73 mm radius with 768 A-scans that starts at `angle` degrees from the right. `of` gives the
    /// thickness by direction (right, up).
    fn profile(eye: Eye, angle: f64, clockwise: bool, of: impl Fn(f64, f64) -> Option<f32>) -> CircleProfile {
        let (sin, cos) = angle.to_radians().sin_cos();
        let start = Place { x: CENTRE.x + 1.73 * cos, y: CENTRE.y + 1.73 * sin };
        let track = BScanPosition::Circle { centre: CENTRE, start, clockwise };
        let place = |i| track.at(i, 768);
        let thickness: Vec<_> =
            (0..768).map(|i| of((place(i).x - CENTRE.x) / 1.73, (CENTRE.y - place(i).y) / 1.73)).collect();
        CircleProfile::measure(&track, &thickness, eye, None).expect("a circle")
    }

    #[test]
    fn the_upper_quadrant_is_superior_from_any_start() {
        for (angle, clockwise) in [(0.0, true), (180.0, false), (37.0, true)] {
            for eye in [Eye::Right, Eye::Left] {
                let out = profile(eye, angle, clockwise, |_, up| Some(if up > 0.72 { 120.0 } else { 70.0 }));
                let mean = |i: usize| out.quadrants[i].mean_um.expect("covered");
                assert!(mean(1) > 110.0 && mean(0) < 72.0 && mean(2) < 72.0 && mean(3) < 72.0, "{:?}", out.quadrants);
                assert!((out.clock_hours[11].mean_um.expect("covered") - 120.0).abs() < 1e-3, "twelve o'clock");
                assert!((out.clock_hours[5].mean_um.expect("covered") - 70.0).abs() < 1e-3, "six o'clock");
                assert!(out.tsnit_um[90].is_some_and(|v| (v - 120.0).abs() < 1e-3));
                assert!((out.radius_mm - 1.73).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn the_right_side_is_nasal_in_a_right_eye_and_three_o_clock_in_both() {
        let right = |right: f64, _| Some(if right > 0.72 { 90.0 } else { 60.0 });
        let (od, os) = (profile(Eye::Right, 0.0, true, right), profile(Eye::Left, 0.0, true, right));
        for (out, thick, thin) in [(&od, 2, 0), (&os, 0, 2)] {
            let mean = |i: usize| out.quadrants[i].mean_um.expect("covered");
            assert!(mean(thick) > 85.0 && mean(thin) < 62.0);
            assert!((out.clock_hours[2].mean_um.expect("covered") - 90.0).abs() < 1e-3);
        }
        assert_eq!((od.tsnit_um[180], os.tsnit_um[0]), (Some(90.0), Some(90.0)));
        assert_eq!((od.tsnit_um[0], os.tsnit_um[180]), (Some(60.0), Some(60.0)));
    }

    #[test]
    fn sectors_have_their_widths_in_both_eyes_from_any_start() {
        // Each A-scan has the number of its degree from temporal over superior.
        for eye in [Eye::Right, Eye::Left] {
            for (angle, clockwise) in [(0.0, true), (180.0, false), (77.0, true)] {
                let degree = |right: f64, up: f64| {
                    let temporal = if eye == Eye::Right { -right } else { right };
                    Some(up.atan2(temporal).to_degrees().rem_euclid(360.0) as f32)
                };
                let out = profile(eye, angle, clockwise, degree);
                for (i, middle) in [(1, 65.0), (2, 105.0), (3, 180.0), (4, 255.0), (5, 295.0)] {
                    let mean = out.sectors[i].mean_um.expect("covered");
                    assert!((mean - middle).abs() < 0.5, "{eye:?} {angle}: {:?}", out.sectors[i]);
                }
            }
        }
    }

    #[test]
    fn gaps_lower_the_coverage_of_their_quadrant_alone() {
        let out = profile(Eye::Right, 0.0, true, |_, up| (up < 0.72).then_some(80.0));
        assert!(out.quadrants[1].coverage < 0.1 && out.quadrants[3].coverage > 0.999);
        assert!(out.clock_hours[11].mean_um.is_none());
    }

    #[test]
    fn directions_are_those_from_a_stated_disc() {
        // Thick above the disc, which lies 0.4 mm below the centre of the circle.
        let disc = Place { x: CENTRE.x, y: CENTRE.y + 0.4 };
        let track =
            BScanPosition::Circle { centre: CENTRE, start: Place { x: CENTRE.x + 1.73, y: CENTRE.y }, clockwise: true };
        let is_above = |p: Place| disc.y - p.y >= (p.x - disc.x).abs();
        let thickness: Vec<_> = (0..768).map(|i| Some(if is_above(track.at(i, 768)) { 120.0 } else { 70.0 })).collect();
        for eye in [Eye::Right, Eye::Left] {
            let about = |disc| CircleProfile::measure(&track, &thickness, eye, disc).expect("a circle");
            let (stated, circle) = (about(Some(disc)), about(None));
            assert_eq!((stated.disc.from, circle.disc.from), (DiscSource::Stated, DiscSource::Circle));
            assert!((stated.disc.distance_mm - 0.4).abs() < 1e-9 && (stated.radius_mm - 1.73).abs() < 1e-9);
            assert_eq!(stated.quadrants[1].mean_um, Some(120.0));
            assert!(stated.quadrants[0].mean_um.is_some_and(|um| um < 70.5));
            assert!(circle.quadrants[0].mean_um.is_some_and(|um| um > 72.0), "the other centre mixes the quadrants");
            assert!(stated.tsnit_um.iter().all(Option::is_some));
        }
    }

    #[test]
    fn a_line_has_no_circle_profile() {
        let track = BScanPosition::Line { start: CENTRE, end: Place::default() };
        assert!(CircleProfile::measure(&track, &[Some(1.0); 4], Eye::Left, None).is_none());
    }

    #[test]
    fn a_doubtful_quadrant_makes_its_parts_uncertain() {
        for eye in [Eye::Right, Eye::Left] {
            let start = Place { x: CENTRE.x - 1.73, y: CENTRE.y };
            let track = BScanPosition::Circle { centre: CENTRE, start, clockwise: true };
            let above = |i: usize| CENTRE.y - track.at(i, 768).y > 1.3;
            let deviations: Vec<_> = (0..768).map(|i| Some(if above(i) { 20.0 } else { 2.0 })).collect();
            let out = CircleProfile::measure(&track, &[Some(80.0); 768], eye, None).expect("a circle");
            let out = out.with_uncertainty(&track, &deviations, eye);
            let [t, s, n, i] = out.quadrants.map(|quadrant| quadrant.half_width_um.expect("known"));
            assert!(s > 3.0 * i && t < 4.0 && n < 4.0, "{t} {s} {n} {i}");
            assert!(out.clock_hours[11].half_width_um > out.clock_hours[5].half_width_um);
            assert!(out.sectors[1].half_width_um > out.sectors[5].half_width_um);
            let whole = out.mean_half_width_um.expect("known");
            assert!(whole < s && whole > i, "{whole}");
        }
    }
}
