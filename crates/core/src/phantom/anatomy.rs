//! The eye: layer thicknesses over the macula, the shape of the globe, vessels and lesions.
//!
//! Positions are in micrometres on the retina, relative to the fovea: `x` along the scan, `y` across it.

use super::{
    PhantomOptions,
    lesion::{Lesions, Vessel},
    maths,
    random::{Draw, NoiseField},
};
use crate::layer::{LAYERS, Layer};

/// Thickness of one layer in micrometres by distance from the fovea.
#[derive(Clone, Copy, Debug)]
struct Profile {
    centre: f32,
    /// 1 to 3 mm ring.
    inner: f32,
    /// 3 to 6 mm ring.
    outer: f32,
    /// Radius of the fovea's influence.
    reach: f32,
}

impl Profile {
    fn at(self, distance: f32) -> f32 {
        let ring = self.inner + (self.outer - self.inner) * maths::ramp(800.0, 3400.0, distance);
        let pit = maths::exp(-(distance / self.reach) * (distance / self.reach));
        ring + (self.centre - ring) * pit
    }
}

/// One eye.
pub(super) struct Anatomy {
    profiles: [Profile; LAYERS],
    /// Additional nerve fibres 3 mm nasal of the fovea and under the arcades, micrometres.
    nasal_fibres: f32,
    arcade_fibres: f32,
    roughness: f32,
    field: NoiseField,
    /// Signed radius of curvature of the globe as seen in the scan, micrometres.
    curvature: f32,
    tilt: f32,
    wave: f32,
    nasal: f32,
    pub(super) vessels: Vec<Vessel>,
    pub(super) lesions: Lesions,
}

/// Mean thickness at the centre, in the inner and outer ring, and the radius of the fovea's influence; micrometres.
///
/// Rings: normal values of PMC6042244, table 6, with the myoid zone added to the ONL. Centre: the lowest point of the
/// foveal pit. EZ and RPE: as drawn by graders on Spectralis scans.
const NORMAL: [Profile; LAYERS] = [
    Profile { centre: 1.0, inner: 18.0, outer: 22.0, reach: 700.0 },
    Profile { centre: 7.0, inner: 90.0, outer: 62.0, reach: 620.0 },
    Profile { centre: 5.0, inner: 38.5, outer: 33.5, reach: 520.0 },
    Profile { centre: 12.0, inner: 33.0, outer: 27.0, reach: 480.0 },
    Profile { centre: 124.0, inner: 86.0, outer: 73.0, reach: 560.0 },
    Profile { centre: 44.0, inner: 31.0, outer: 28.0, reach: 380.0 },
    Profile { centre: 30.0, inner: 29.0, outer: 27.0, reach: 600.0 },
    Profile { centre: 290.0, inner: 275.0, outer: 245.0, reach: 1500.0 },
];
/// Standard deviation between eyes, as a share of the mean.
const BETWEEN_EYES: [f32; LAYERS] = [0.14, 0.07, 0.09, 0.11, 0.10, 0.09, 0.10, 0.22];

impl Anatomy {
    pub(super) fn new(seed: u64, options: &PhantomOptions) -> Self {
        let draw = &mut Draw::new(seed, 1);
        let pit = draw.between(0.82, 1.25);
        let profiles = std::array::from_fn(|i| {
            let scale = 1.0 + BETWEEN_EYES[i] * draw.normal(0.0, 1.0);
            let mut p = NORMAL[i];
            p.centre *= scale * if i < 3 { draw.between(0.0, 2.0) } else { draw.between(0.92, 1.08) };
            p.inner *= scale * draw.between(0.97, 1.03);
            p.outer *= scale * draw.between(0.95, 1.05);
            p.reach *= pit * draw.between(0.93, 1.07);
            p
        });
        let curvature = draw.between(18_000.0, 90_000.0) * if draw.chance(0.15) { -1.5 } else { 1.0 };
        let mut anatomy = Self {
            profiles,
            nasal_fibres: draw.between(25.0, 55.0),
            arcade_fibres: draw.between(8.0, 28.0),
            roughness: draw.between(0.3, 1.2),
            field: NoiseField::new(draw.seed()),
            curvature,
            tilt: draw.normal(0.0, 0.028),
            wave: draw.between(2.0, 14.0),
            nasal: if options.nasal_right { 1.0 } else { -1.0 },
            vessels: Vec::new(),
            lesions: Lesions::default(),
        };
        anatomy.vessels = Vessel::draw(&mut Draw::new(seed, 2));
        anatomy.lesions = Lesions::draw(&mut Draw::new(seed, 3), options.pathology);
        anatomy
    }

    /// Thickness of every layer at a position in micrometres, not negative.
    pub(super) fn thickness(&self, x: f32, y: f32) -> [f32; LAYERS] {
        let distance = (x * x + y * y).sqrt();
        let mut thickness: [f32; LAYERS] = std::array::from_fn(|i| {
            let slow = self.field.at(x / 900.0 + 61.0 * i as f32, y / 900.0);
            let quick = self.field.at(x / 160.0 + 47.0 * i as f32, y / 160.0 + 991.0);
            let (slow_share, quick_share) = if i == Layer::Choroid.index() { (0.14, 0.05) } else { (0.05, 0.02) };
            let undulation = 1.0 + self.roughness * (slow_share * slow + quick_share * quick);
            self.profiles[i].at(distance) * undulation
        });
        let nasal = x * self.nasal;
        thickness[0] += self.nasal_fibres * maths::ramp(700.0, 3600.0, nasal)
            + self.arcade_fibres * maths::ramp(900.0, 2900.0, y.abs()) * maths::ramp(-3000.0, 500.0, nasal);
        for vessel in &self.vessels {
            thickness[0] += vessel.bulge(x, y);
        }
        self.lesions.deform(x, y, &mut thickness);
        thickness.map(|t| t.max(0.0))
    }

    /// Depth of Bruch's membrane at a position relative to the fovea, micrometres downwards.
    pub(super) fn depth(&self, x: f32, y: f32) -> f32 {
        self.tilt * x - (x * x + y * y) / (2.0 * self.curvature)
            + self.wave * self.field.at(x / 2600.0 + 7.0, y / 2600.0 - 313.0)
    }

    /// Thickness of the RPE at a position without drusen, micrometres.
    pub(super) fn rpe_band(&self, x: f32, y: f32) -> f32 {
        self.profiles[Layer::Rpe.index()].at((x * x + y * y).sqrt())
    }

    pub(super) const fn field(&self) -> NoiseField {
        self.field
    }
}
