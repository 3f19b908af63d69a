//! Random draws and smooth random fields.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::maths;

/// A stream of random numbers: the same on every platform for the same seed and stream.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in 0 to 1.
    pub(super) fn unit(&mut self) -> f32 {
        self.0.random()
    }

    /// Uniform between two bounds.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Normal with the given mean and standard deviation, cut off at 2.5 of them.
    pub(super) fn normal(&mut self, mean: f32, deviation: f32) -> f32 {
        let p = self.between(0.006_21, 0.993_79);
        mean + deviation * maths::normal_quantile(p)
    }

    /// Whether something of this probability happens.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Whole number from `low` to `high`, both included.
    pub(super) fn whole(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low as u64..=high as u64) as usize
    }

    pub(super) fn seed(&mut self) -> u64 {
        self.0.random()
    }

    /// Fills `out` with the entries of a table of 4096, each equally likely.
    pub(super) fn fill_from(&mut self, table: &[f32; TABLE], out: &mut [f32]) {
        let mut bytes = [0; 4096];
        for part in out.chunks_mut(2048) {
            self.0.fill_bytes(&mut bytes);
            let (pairs, _) = bytes.as_chunks::<2>();
            for (value, &pair) in part.iter_mut().zip(pairs) {
                *value = table[usize::from(u16::from_le_bytes(pair)) & (TABLE - 1)];
            }
        }
    }
}

/// Entries of a quantile table.
pub(super) const TABLE: usize = 4096;

/// Quantiles of a distribution that is `of` a normal variable.
pub(super) fn quantiles(of: impl Fn(f32) -> f32) -> Box<[f32; TABLE]> {
    let mut table = Box::new([0.0; TABLE]);
    for (i, value) in table.iter_mut().enumerate() {
        *value = of(maths::normal_quantile((i as f32 + 0.5) / TABLE as f32));
    }
    table
}

/// A smooth random field over the plane or space, fixed by its seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(u64);

impl Field {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Value at a point of the plane, about -1 to 1: a cubic spline over random values at whole coordinates.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (x0, wx) = spline(x);
        let (y0, wy) = spline(y);
        let mut sum = 0.0;
        for (j, wy) in wy.into_iter().enumerate() {
            for (i, wx) in wx.into_iter().enumerate() {
                sum += wx * wy * self.signed(x0 + i as i32, y0 + j as i32, 0);
            }
        }
        2.2 * sum
    }

    /// How deep a point of space lies in the nearest blob: 1 at its centre, 0 at its rim, negative outside.
    ///
    /// There is at most one blob for each unit cube; `fill` is the share of cubes that hold one.
    pub(super) fn blob(self, point: [f32; 3], fill: f32) -> f32 {
        let base = point.map(f32::floor);
        let mut deepest = -1.0f32;
        for dz in -1..=1 {
            for dy in -1..=1 {
                for dx in -1..=1 {
                    let cell = [base[0] as i32 + dx, base[1] as i32 + dy, base[2] as i32 + dz];
                    let bits = self.bits(cell[0], cell[1], cell[2]);
                    let part = |shift: u32| ((bits >> shift) & 0xfff) as f32 / 4096.0;
                    if part(0) > fill {
                        continue;
                    }
                    let radius = 0.45 + 0.35 * part(12);
                    let off = [
                        point[0] - cell[0] as f32 - part(24),
                        point[1] - cell[1] as f32 - part(36),
                        point[2] - cell[2] as f32 - part(48),
                    ];
                    let distance = (off[0] * off[0] + off[1] * off[1] + off[2] * off[2]).sqrt();
                    deepest = deepest.max(1.0 - distance / radius);
                }
            }
        }
        deepest
    }

    fn signed(self, x: i32, y: i32, z: i32) -> f32 {
        (self.bits(x, y, z) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Well-mixed bits of a lattice point (the finaliser of splitmix64).
    fn bits(self, x: i32, y: i32, z: i32) -> u64 {
        let point = (u64::from(x as u32) << 32 | u64::from(y as u32)) ^ u64::from(z as u32).rotate_left(17);
        let mut h = point.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.0;
        h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        h ^ (h >> 31)
    }
}

/// First lattice point and weights of the uniform cubic B-spline at `x`.
fn spline(x: f32) -> (i32, [f32; 4]) {
    let whole = x.floor();
    let t = x - whole;
    let s = 1.0 - t;
    let weights = [
        s * s * s / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0,
        t * t * t / 6.0,
    ];
    (whole as i32 - 1, weights)
}
