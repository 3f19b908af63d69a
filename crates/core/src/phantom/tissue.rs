//! Reflected power of the tissue per sample, before speckle and noise. 1 is the brightest tissue.

use super::{
    PhantomOptions,
    anatomy::Anatomy,
    geometry::{AScan, Geometry},
    maths,
    random::{Draw, NoiseField},
};
use crate::layer::{LAYERS, Layer};

/// Reflected power of each tissue, chosen so that its fourth root matches the mean grey in healthy Spectralis scans.
#[derive(Clone, Copy)]
struct Reflectivity {
    nfl: f32,
    gcl: f32,
    ipl: f32,
    inl: f32,
    opl: f32,
    onl: f32,
    elm: f32,
    myoid: f32,
    ez: f32,
    outer_segments: f32,
    rpe: f32,
    bruch: f32,
    choriocapillaris: f32,
    stroma: f32,
    sclera: f32,
    vitreous: f32,
}

impl Reflectivity {
    fn draw(draw: &mut Draw) -> Self {
        let mut vary = |power: f32, db: f32| power * maths::decibel(draw.normal(0.0, db));
        Self {
            nfl: vary(0.19, 1.0),
            gcl: vary(0.046, 1.0),
            ipl: vary(0.062, 0.8),
            inl: vary(0.015, 0.7),
            opl: vary(0.04, 0.7),
            onl: vary(0.0047, 1.5),
            elm: vary(0.022, 1.5),
            myoid: vary(0.011, 1.5),
            ez: vary(0.30, 1.0),
            outer_segments: vary(0.05, 2.5),
            rpe: vary(0.36, 0.8),
            bruch: vary(0.24, 1.2),
            choriocapillaris: vary(0.15, 1.2),
            stroma: vary(0.10, 1.2),
            sclera: vary(0.17, 2.0),
            vitreous: vary(1.5e-5, 4.0),
        }
    }
}

/// Tissue as seen in one scan.
pub(super) struct Tissue<'a> {
    anatomy: &'a Anatomy,
    options: &'a PhantomOptions,
    light: Reflectivity,
    /// Distance of the external limiting membrane from the ellipsoid zone, micrometres.
    elm_um: f32,
    /// Brightening of Henle's fibres left and right of the fovea.
    henle: [f32; 2],
    reflex: f32,
    /// Height of the posterior hyaloid above the ILM in micrometres, if it is detached.
    hyaloid: Option<f32>,
    /// Kernel of the axial resolution, starting at its middle.
    kernel: Vec<f32>,
    gain: NoiseField,
    texture: NoiseField,
    /// Grain within layers in decibels.
    grain: f32,
    /// Darkness of the choroid's lumens, 0 to 1.
    lumens: f32,
}

impl<'a> Tissue<'a> {
    pub(super) fn new(anatomy: &'a Anatomy, options: &'a PhantomOptions, draw: &mut Draw) -> Self {
        let deviation = f64::from(options.resolution_um) / 2.355 / options.axial_um;
        let mut kernel: Vec<f32> =
            (0..=(2.6 * deviation).ceil() as usize).map(|i| maths::bell(i as f32 / deviation as f32)).collect();
        let sum = 2.0 * kernel.iter().sum::<f32>() - kernel[0];
        for weight in &mut kernel {
            *weight /= sum;
        }
        let henle = if draw.chance(0.3) { draw.between(0.0, 4.0) } else { 0.0 };
        Self {
            anatomy,
            options,
            light: Reflectivity::draw(draw),
            elm_um: draw.between(19.0, 29.0),
            henle: if draw.chance(0.5) { [henle, 0.0] } else { [0.0, henle] },
            reflex: if draw.chance(0.6) { draw.between(0.0, 0.35) } else { 0.0 },
            hyaloid: draw.chance(0.25).then(|| draw.between(30.0, 350.0)),
            kernel,
            gain: NoiseField::new(draw.seed()),
            texture: NoiseField::new(draw.seed()),
            grain: draw.between(0.5, 2.2),
            lumens: draw.between(0.65, 0.98),
        }
    }

    /// Fills `power` with the power of one A-scan, and `fluid` with the fluid share of each sample.
    pub(super) fn fill(&self, geometry: &Geometry, column: usize, power: &mut [f32], fluid: &mut [f32]) {
        let ascan = &geometry.ascans[column];
        let samples = Samples { ilm: ascan.rows[0], per_um: (1.0 / self.options.axial_um) as f32 };
        power.fill(0.0);
        fluid.fill(0.0);
        self.vitreous(ascan, samples, power);
        self.retina(ascan, geometry.slope(column), samples, power);
        self.roughen(ascan, power);
        self.choroid(ascan, power);
        self.lesions(ascan, samples, power, fluid);
        self.vessels(ascan, samples, power);
        self.blur(power);
        let gain = self.gain.at(ascan.x / 1500.0, 0.5) * 1.3 + self.gain.at(ascan.x / 70.0, 40.5) * 0.6;
        let gain = maths::decibel(gain);
        for sample in power {
            *sample *= gain;
        }
    }

    fn vitreous(&self, ascan: &AScan, samples: Samples, power: &mut [f32]) {
        let end = (samples.ilm.ceil().max(0.0) as usize).min(power.len());
        for (y, p) in power[..end].iter_mut().enumerate() {
            *p = self.light.vitreous * (samples.ilm - y as f32).min(1.0);
        }
        if let Some(gap) = self.hyaloid {
            let gap = gap + 120.0 * self.gain.at(ascan.x / 1800.0, 77.0) - 0.02 * ascan.x.abs();
            if gap > 12.0 {
                add_bell(power, samples.row(-gap), 4.0 * samples.per_um, 0.0035);
            }
        }
    }

    /// From the ILM to Bruch's membrane, as linear pieces.
    fn retina(&self, ascan: &AScan, slope: f32, samples: Samples, power: &mut [f32]) {
        let light = &self.light;
        let (t, tops) = (&ascan.thickness, &ascan.tops);
        let nfl = light.nfl * (0.35 + 0.65 * maths::bell(slope / 0.13));
        let reflex = self.reflex * maths::bell(slope / 0.025);
        let top = |layer: Layer| tops[layer.index()];
        let thick = |layer: Layer| t[layer.index()];
        let mut piece = |from: f32, to: f32, first: f32, last: f32| {
            add_piece(power, samples.row(from), samples.row(to), first, last);
        };

        let membrane = self.anatomy.lesions.membrane().min(thick(Layer::Nfl));
        piece(0.0, membrane, 1.3 * light.nfl, 1.3 * light.nfl);
        piece(membrane, thick(Layer::Nfl), nfl, 0.82 * nfl);
        let (gcl, half) = (top(Layer::GclIpl), 0.5 * thick(Layer::GclIpl));
        piece(gcl, gcl + half, light.gcl, light.gcl);
        piece(gcl + half, top(Layer::Inl), light.ipl, 1.05 * light.ipl);
        piece(top(Layer::Inl), top(Layer::Opl), light.inl, 0.95 * light.inl);
        piece(top(Layer::Opl), top(Layer::Onl), light.opl, 0.95 * light.opl);

        let ez = top(Layer::Ez);
        let distance = (ascan.x * ascan.x + ascan.y * ascan.y).sqrt();
        let fibres = self.henle[usize::from(ascan.x > 0.0)]
            * maths::ramp(150.0, 500.0, distance)
            * maths::ramp(2200.0, 1000.0, distance);
        let elm = (ez - self.elm_um).max(top(Layer::Onl));
        let seam = top(Layer::Onl) + 0.45 * (elm - top(Layer::Onl));
        piece(top(Layer::Onl), seam, light.onl * (1.35 + fibres), light.onl * (1.1 + fibres));
        piece(seam, elm, light.onl, light.onl);
        piece(elm, ez, light.myoid, 1.15 * light.myoid);

        let drusen = self.anatomy.lesions.drusen_height(ascan.x, ascan.y);
        let loss = 1.0 - 0.5 * maths::ramp(8.0, 60.0, drusen);
        let segments = ez + ascan.ez_band();
        piece(ez, segments, light.ez * loss, 0.8 * light.ez * loss);
        let mid = 0.5 * (segments + top(Layer::Rpe));
        piece(segments, mid, 1.1 * light.outer_segments, 0.8 * light.outer_segments);
        piece(mid, top(Layer::Rpe), 0.8 * light.outer_segments, 1.3 * light.outer_segments);

        let bm = top(Layer::Choroid);
        let band = top(Layer::Rpe) + thick(Layer::Rpe).min(self.anatomy.rpe_band(ascan.x, ascan.y));
        piece(top(Layer::Rpe), band, 0.95 * light.rpe, 1.05 * light.rpe);
        piece(band, bm, 0.25 * light.rpe, 0.14 * light.rpe);
        if elm > top(Layer::Onl) + 8.0 {
            add_bell(power, samples.row(elm), 2.4 * samples.per_um, light.elm);
        }
        if bm > band + 4.0 {
            add_bell(power, samples.row(bm - 2.5), 2.0 * samples.per_um, light.bruch);
        }
        if reflex > 0.01 {
            add_bell(power, samples.row(3.0), 2.5 * samples.per_um, reflex);
        }
    }

    /// From Bruch's membrane downwards: choroid with its vessel lumens, then sclera.
    fn choroid(&self, ascan: &AScan, power: &mut [f32]) {
        let light = &self.light;
        let axial = self.options.axial_um as f32;
        let field = self.anatomy.field();
        let (bm, csb) = (ascan.rows[LAYERS - 1], ascan.rows[LAYERS]);
        let thickness = ascan.thickness[Layer::Choroid.index()];
        let loss_at_bm = 1.0 / self.options.penetration_um;
        let wobble = 0.3 * field.at(ascan.x / 170.0, 5000.5);
        let (mut rough, mut coarse) = (field.line(ascan.x / 48.0), field.line(ascan.x / 240.0));
        for (y, p) in power.iter_mut().enumerate().skip(bm.floor().max(0.0) as usize) {
            let depth = ((y as f32 + 0.5 - bm) * axial).max(0.0);
            let left = maths::exp(-depth * loss_at_bm);
            if left < 1e-6 {
                break;
            }
            let mut tissue = light.stroma + (light.choriocapillaris - light.stroma) * maths::bell((depth - 7.0) / 7.0);
            let inside = (csb - y as f32).clamp(0.0, 1.0);
            if inside > 0.0 && depth > 5.0 && left > 1e-4 {
                let small = field.blob([ascan.x / 75.0 + wobble, depth / 42.0 + wobble, ascan.y / 180.0], 0.6);
                let dark = 0.7 * maths::ramp(-0.35, 0.5, small);
                let share = depth / thickness;
                let deep = maths::ramp(0.1, 0.35, share);
                let place = [ascan.x / 230.0 + 999.5, depth / 105.0 - wobble, ascan.y / 600.0];
                let dark_large = if deep > 0.0 { deep * maths::ramp(-0.08, 0.4, field.blob(place, 0.85)) } else { 0.0 };
                let grain = 3.2 * rough.at(depth / 22.0 + 300.5);
                tissue *= (1.0 - self.lumens * dark.max(dark_large)) * maths::decibel(grain);
            }
            let below = (depth - thickness).max(0.0);
            let texture = maths::decibel(2.5 * coarse.at(depth / 60.0 - 700.0) - below / 60.0);
            let sclera = light.sclera * texture;
            *p += (inside * tissue + (1.0 - inside) * sclera) * left * (y as f32 + 1.0 - bm).clamp(0.0, 1.0);
        }
    }

    /// Adds the grain of the tissue between the ILM and Bruch's membrane, which is coarser than speckle.
    fn roughen(&self, ascan: &AScan, power: &mut [f32]) {
        let axial = self.options.axial_um as f32;
        let mut texture = self.texture.line(ascan.x / 38.0);
        for y in rows(ascan.rows[0], ascan.rows[LAYERS - 1], power.len()) {
            let depth = (ascan.rows[LAYERS - 1] - y as f32) * axial;
            power[y] *= maths::decibel(self.grain * texture.at(depth / 16.0));
        }
    }

    fn lesions(&self, ascan: &AScan, samples: Samples, power: &mut [f32], fluid: &mut [f32]) {
        let lesions = &self.anatomy.lesions;
        for cyst in lesions.cavities(ascan.x, ascan.y, &ascan.tops, &ascan.thickness) {
            let (top, bottom) = (samples.row(cyst.middle - cyst.half), samples.row(cyst.middle + cyst.half));
            for y in rows(top, bottom, power.len()) {
                let share = ((y as f32 + 1.0).min(bottom) - (y as f32).max(top)).clamp(0.0, 1.0);
                fluid[y] = fluid[y].max(share);
                power[y] *= 1.0 - share * 0.985;
            }
        }
        for focus in lesions.foci(ascan.x, ascan.y, &ascan.tops, &ascan.thickness) {
            add_bell(power, samples.row(focus.middle), 0.6 * focus.half * samples.per_um, 0.3);
            let shaded = samples.row(focus.middle + focus.half).max(0.0) as usize;
            for sample in power.iter_mut().skip(shaded) {
                *sample *= 0.6;
            }
        }
    }

    fn vessels(&self, ascan: &AScan, samples: Samples, power: &mut [f32]) {
        for vessel in &self.anatomy.vessels {
            let passes = vessel.passes(ascan.x, ascan.y);
            if passes > 0.999 {
                continue;
            }
            let (radius, off) = (vessel.radius, vessel.offset(ascan.x, ascan.y) / vessel.radius);
            let large = radius > 17.0;
            let middle = if large {
                (0.6 * ascan.thickness[0]).max(1.1 * radius)
            } else {
                ascan.tops[1] + 0.7 * ascan.thickness[1]
            };
            if vessel.visible {
                let strength = if large { 0.09 } else { 0.05 };
                let height = if large { 0.42 * radius } else { 6.0 };
                add_bell(power, samples.row(middle), height * samples.per_um, strength * maths::bell(off));
            }
            let (from, to) = (samples.row(middle), samples.row(middle + 1.2 * radius));
            for (y, p) in power.iter_mut().enumerate().skip(from.max(0.0) as usize) {
                let share = ((y as f32 - from) / (to - from)).clamp(0.0, 1.0);
                *p *= 1.0 - share * (1.0 - passes);
            }
        }
    }

    /// Blurs the power of one A-scan by the axial resolution.
    fn blur(&self, power: &mut [f32]) {
        let sharp = power.to_vec();
        let last = sharp.len() - 1;
        for (y, p) in power.iter_mut().enumerate() {
            let mut sum = self.kernel[0] * sharp[y];
            for (i, k) in self.kernel.iter().enumerate().skip(1) {
                sum += k * (sharp[y.saturating_sub(i)] + sharp[(y + i).min(last)]);
            }
            *p = sum;
        }
    }
}

/// Converts micrometres below the ILM to rows.
#[derive(Clone, Copy)]
struct Samples {
    ilm: f32,
    per_um: f32,
}

impl Samples {
    fn row(self, below_ilm: f32) -> f32 {
        self.ilm + below_ilm * self.per_um
    }
}

/// Samples covered by the piece between two rows.
fn rows(from: f32, to: f32, len: usize) -> std::ops::Range<usize> {
    let first = (from.floor().max(0.0) as usize).min(len);
    first..(to.ceil().max(0.0) as usize).clamp(first, len)
}

/// Adds power that changes linearly from `first` at `from` to `last` at `to`; a sample is the mean over its length.
fn add_piece(power: &mut [f32], from: f32, to: f32, first: f32, last: f32) {
    if to <= from {
        return;
    }
    let steep = (last - first) / (to - from);
    for y in rows(from, to, power.len()) {
        let (a, b) = ((y as f32).max(from), (y as f32 + 1.0).min(to));
        if b > a {
            power[y] += (b - a) * (first + steep * (0.5 * (a + b) - from));
        }
    }
}

/// Adds a bell-shaped line of peak power `height` around `row`.
fn add_bell(power: &mut [f32], row: f32, deviation: f32, height: f32) {
    for y in rows(row - 3.0 * deviation - 1.0, row + 3.0 * deviation + 1.0, power.len()) {
        power[y] += height * maths::bell((y as f32 + 0.5 - row) / deviation);
    }
}
