//! Vessels of the inner retina, and lesions: drusen, cysts, epiretinal membrane, bright foci.

use super::{
    maths,
    random::{Draw, NoiseField},
};
use crate::layer::{LAYERS, Layer};

/// A retinal vessel cut by the B-scan. Micrometres.
pub(super) struct Vessel {
    x: f32,
    lean: f32,
    /// Half width of the shadow.
    pub(super) radius: f32,
    /// Share of light it absorbs, 0 to 1.
    pub(super) shade: f32,
    /// Whether its wall is visible as a bright spot.
    pub(super) visible: bool,
}

impl Vessel {
    pub(super) fn draw(draw: &mut Draw) -> Vec<Self> {
        let mut vessels = Vec::new();
        for _ in 0..draw.whole(8, 16) {
            let side = if draw.chance(0.5) { 1.0 } else { -1.0 };
            vessels.push(Self {
                x: side * draw.between(700.0, 6500.0),
                lean: draw.normal(0.0, 0.25),
                radius: draw.between(18.0, 62.0),
                shade: draw.between(0.35, 0.85),
                visible: true,
            });
        }
        for _ in 0..draw.whole(15, 50) {
            vessels.push(Self {
                x: draw.between(-6500.0, 6500.0),
                lean: draw.normal(0.0, 0.4),
                radius: draw.between(7.0, 16.0),
                shade: draw.between(0.1, 0.45),
                visible: draw.chance(0.35),
            });
        }
        vessels
    }

    /// Distance of a position from the vessel's middle along the scan.
    pub(super) fn offset(&self, x: f32, y: f32) -> f32 {
        x - self.x - self.lean * y
    }

    /// Elevation of the inner limiting membrane by the vessel.
    pub(super) fn bulge(&self, x: f32, y: f32) -> f32 {
        let off = self.offset(x, y) / self.radius;
        if self.radius < 17.0 || off.abs() > 4.0 { 0.0 } else { 0.25 * self.radius * maths::bell(off) }
    }

    /// Share of light that passes the vessel, 0 to 1.
    pub(super) fn passes(&self, x: f32, y: f32) -> f32 {
        let off = self.offset(x, y) / self.radius;
        if off.abs() > 3.0 {
            return 1.0;
        }
        let square = off * off;
        1.0 - self.shade * maths::exp(-square * square)
    }
}

/// A round lesion. Micrometres.
#[derive(Clone, Copy)]
struct Spot {
    x: f32,
    y: f32,
    radius: f32,
    height: f32,
}

impl Spot {
    fn distance(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        (dx * dx + dy * dy).sqrt() / self.radius
    }

    fn bump(&self, x: f32, y: f32) -> f32 {
        let distance = self.distance(x, y);
        if distance > 4.0 { 0.0 } else { self.height * maths::bell(distance) }
    }
}

/// A fluid-filled cavity inside one layer.
struct Cyst {
    spot: Spot,
    layer: usize,
    /// Position between the layer's upper (0) and lower (1) boundary.
    level: f32,
}

/// A bright focus, such as a hard exudate.
struct Focus {
    spot: Spot,
    layer: usize,
    level: f32,
}

/// All lesions of an eye.
#[derive(Default)]
pub(super) struct Lesions {
    drusen: Vec<Spot>,
    cysts: Vec<Cyst>,
    /// Mound of swollen tissue around the cysts.
    swelling: Option<Spot>,
    foci: Vec<Focus>,
    /// Thickness of an epiretinal membrane and depth of the folds under it.
    membrane: Option<(f32, f32, NoiseField)>,
}

/// A lesion's section in one A-scan: micrometres below the ILM, and half its height.
pub(super) struct Section {
    pub(super) middle: f32,
    pub(super) half: f32,
}

const CYSTIC: [Layer; 3] = [Layer::Inl, Layer::Opl, Layer::Onl];

impl Lesions {
    pub(super) fn draw(draw: &mut Draw, severity: f32) -> Self {
        let mut lesions = Self::default();
        if severity <= 0.0 {
            return lesions;
        }
        let kinds = [0.45, 0.45, 0.3, 0.5].map(|p| draw.chance(p + 0.4 * severity));
        if kinds[0] {
            for _ in 0..draw.whole(1, 3 + (24.0 * severity) as usize) {
                lesions.drusen.push(Spot {
                    radius: draw.between(35.0, 190.0),
                    height: draw.between(8.0, 30.0 + 80.0 * severity),
                    ..place(draw, 2600.0, 900.0)
                });
            }
        }
        if kinds[1] {
            let around = place(draw, 1200.0, 500.0);
            lesions.swelling = Some(Spot {
                radius: draw.between(350.0, 1000.0),
                height: draw.between(20.0, 90.0 + 200.0 * severity),
                ..around
            });
            for _ in 0..draw.whole(1, 3 + (20.0 * severity) as usize) {
                let radius = draw.between(25.0, 90.0 + 130.0 * severity);
                let near = place(draw, 900.0, 400.0);
                lesions.cysts.push(Cyst {
                    spot: Spot {
                        x: around.x + near.x,
                        y: around.y + near.y,
                        radius,
                        height: radius * draw.between(0.4, 1.1),
                    },
                    layer: CYSTIC[draw.whole(0, 2)].index(),
                    level: draw.between(0.35, 0.65),
                });
            }
        }
        if kinds[2] {
            lesions.membrane =
                Some((draw.between(4.0, 14.0), draw.between(0.0, 14.0) * severity, NoiseField::new(draw.seed())));
        }
        if kinds[3] {
            for _ in 0..draw.whole(2, 4 + (50.0 * severity) as usize) {
                lesions.foci.push(Focus {
                    spot: Spot {
                        radius: draw.between(12.0, 35.0),
                        height: draw.between(6.0, 18.0),
                        ..place(draw, 2600.0, 300.0)
                    },
                    layer: draw.whole(1, 4),
                    level: draw.between(0.15, 0.85),
                });
            }
        }
        lesions
    }

    /// Thickens the layers to make room for the lesions.
    pub(super) fn deform(&self, x: f32, y: f32, thickness: &mut [f32; LAYERS]) {
        let lift = self.drusen_height(x, y);
        let onl = Layer::Onl.index();
        thickness[Layer::Rpe.index()] += lift;
        thickness[onl] = (thickness[onl] - 0.75 * lift).max(thickness[onl].min(12.0));

        let mut squares = [0.0; LAYERS];
        for cyst in &self.cysts {
            let bump = 0.9 * cyst.spot.height * maths::bell(0.6 * cyst.spot.distance(x, y).min(8.0));
            squares[cyst.layer] += bump * bump;
        }
        let swelling = self.swelling.map_or(0.0, |mound| mound.bump(x, y));
        for layer in CYSTIC {
            thickness[layer.index()] += swelling / CYSTIC.len() as f32;
        }
        for (thickness, square) in thickness.iter_mut().zip(squares) {
            *thickness += square.sqrt();
        }
        if let Some((membrane, folds, field)) = self.membrane {
            thickness[0] += membrane + folds * (0.6 + field.at(x / 130.0, y / 700.0)).max(0.0);
        }
    }

    /// Height of drusen above Bruch's membrane.
    pub(super) fn drusen_height(&self, x: f32, y: f32) -> f32 {
        self.drusen.iter().map(|d| d.bump(x, y)).fold(0.0, |all, one| (all * all + one * one).sqrt())
    }

    /// Thickness of the epiretinal membrane, 0 without one.
    pub(super) fn membrane(&self) -> f32 {
        self.membrane.as_ref().map_or(0.0, |m| m.0)
    }

    /// Cavities cut by the A-scan at a position; `tops` are the layers' upper boundaries below the ILM.
    pub(super) fn cavities(
        &self,
        x: f32,
        y: f32,
        tops: &[f32; LAYERS],
        thickness: &[f32; LAYERS],
    ) -> impl Iterator<Item = Section> {
        self.cysts.iter().filter_map(move |cyst| {
            let distance = cyst.spot.distance(x, y);
            (distance < 1.0).then(|| {
                let room = thickness[cyst.layer];
                let half = (cyst.spot.height * (1.0 - distance * distance).sqrt()).min(0.46 * room);
                let middle = tops[cyst.layer] + (cyst.level * room).clamp(1.04 * half, (room - 1.04 * half).max(half));
                Section { middle, half }
            })
        })
    }

    /// Bright foci cut by the A-scan at a position.
    pub(super) fn foci(
        &self,
        x: f32,
        y: f32,
        tops: &[f32; LAYERS],
        thickness: &[f32; LAYERS],
    ) -> impl Iterator<Item = Section> {
        self.foci.iter().filter_map(move |focus| {
            let half = focus.spot.bump(x, y);
            (half > 1.0).then(|| Section { middle: tops[focus.layer] + focus.level * thickness[focus.layer], half })
        })
    }
}

/// A random position near the fovea, without size: within `along` and `across` micrometres, usually close to the scan
/// line.
fn place(draw: &mut Draw, along: f32, across: f32) -> Spot {
    Spot { x: draw.between(-along, along), y: draw.normal(0.0, across * 0.5), radius: 0.0, height: 0.0 }
}
