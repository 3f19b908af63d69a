//! The scanner: speckle, noise, roll-off and the grey curve.

use super::{
    Display, PhantomOptions, maths,
    random::{Draw, TABLE, quantiles},
};

/// Converts reflected power, row-major, to display intensity in place.
pub(super) fn expose(power: &mut [f32], options: &PhantomOptions, draw: &mut Draw) {
    let looks = options.averaging.max(1.0);
    let noise = maths::decibel(options.noise_db);
    let normal = quantiles(|z| z);
    let noisy = quantiles(|z| noise * gamma(looks, z));

    let mut speckle = vec![0.0; power.len()];
    draw.fill_from(&normal, &mut speckle);
    let (along, across) = (draw.between(0.15, 0.6), draw.between(0.1, 0.55));
    correlate(&mut speckle, options.width, along, across);
    let mut floor = vec![0.0; power.len()];
    draw.fill_from(&noisy, &mut floor);

    let roll_off = draw.between(0.0, 4.0) / options.height as f32;
    let curve = Curve::new(options, noise, looks, draw);
    let rows = power.chunks_mut(options.width).zip(speckle.chunks(options.width)).zip(floor.chunks(options.width));
    for (y, ((power, speckle), floor)) in rows.enumerate() {
        let left = maths::decibel(-roll_off * y as f32);
        for ((p, &z), &n) in power.iter_mut().zip(speckle).zip(floor) {
            *p = curve.grey(*p * left * gamma(looks, z) + n);
        }
    }
}

/// Mean of `looks` exponential variables of mean 1, from a normal variable (Wilson and Hilferty's approximation).
fn gamma(looks: f32, normal: f32) -> f32 {
    let spread = 1.0 / (9.0 * looks);
    let root = (1.0 - spread + normal * spread.sqrt()).max(0.0);
    root * root * root
}

/// Correlates neighbours along and across A-scans; preserves mean 0 and variance 1.
fn correlate(field: &mut [f32], width: usize, along: f32, across: f32) {
    let norm = 1.0 / ((1.0 + 2.0 * along * along) * (1.0 + 2.0 * across * across)).sqrt();
    let mut row = vec![0.0; width];
    for values in field.chunks_mut(width) {
        row.copy_from_slice(values);
        for x in 0..width {
            let sides = row[x.saturating_sub(1)] + row[(x + 1).min(width - 1)];
            values[x] = norm * (row[x] + across * sides);
        }
    }
    let height = field.len() / width;
    let mut above = field[..width].to_vec();
    for y in 0..height {
        let (upper, lower) = field.split_at_mut((y + 1) * width);
        let here = &mut upper[y * width..];
        let below = if y + 1 < height { &lower[..width] } else { &above[..] };
        for x in 0..width {
            let old = here[x];
            here[x] = old + along * (above[x] + below[x]);
            row[x] = old;
        }
        above.copy_from_slice(&row);
    }
}

/// The grey curve.
struct Curve {
    display: Display,
    floor: f32,
    contrast: f32,
    brightness: f32,
    eight_bit: bool,
}

impl Curve {
    fn new(options: &PhantomOptions, noise: f32, looks: f32, draw: &mut Draw) -> Self {
        Self {
            display: options.display,
            floor: noise * (1.0 + draw.between(-0.1, 1.1) / looks.sqrt()),
            contrast: options.contrast,
            brightness: options.brightness,
            eight_bit: options.eight_bit,
        }
    }

    fn grey(&self, power: f32) -> f32 {
        let grey = match self.display {
            Display::FourthRoot => (power - self.floor).max(0.0).sqrt().sqrt(),
            Display::Decibels { range_db } => {
                1.0 + (10.0 / std::f32::consts::LN_10 * maths::ln(power.max(1e-9)) + 3.0) / range_db
            }
        };
        let grey = (grey * self.contrast + self.brightness).clamp(0.0, 1.0);
        if self.eight_bit { (grey * 255.0).round() / 255.0 } else { grey }
    }
}

const _: () = assert!(TABLE.is_power_of_two());
