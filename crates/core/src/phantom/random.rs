//! Random draws and smooth random fields.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::maths;

/// A stream of random numbers, the same on every platform for one seed and stream.
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

    /// Normal with the given mean and standard deviation, cut off at 2.5 standard deviations.
    pub(super) fn normal(&mut self, mean: f32, deviation: f32) -> f32 {
        let p = self.between(0.006_21, 0.993_79);
        mean + deviation * maths::normal_quantile(p)
    }

    /// True with the given probability.
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

/// Quantiles of the distribution of `of(x)` for a normal variable x.
pub(super) fn quantiles(of: impl Fn(f32) -> f32) -> Box<[f32; TABLE]> {
    let mut table = Box::new([0.0; TABLE]);
    for (i, value) in table.iter_mut().enumerate() {
        *value = of(maths::normal_quantile((i as f32 + 0.5) / TABLE as f32));
    }
    table
}

/// Largest radius of a blob; cubes have side 1.
const BLOB_RADIUS: f32 = 0.8;
/// Largest distance from a blob, in radii, that is still computed.
const BLOB_REACH: f32 = 1.4;

/// A smooth random field over the plane or space, determined by its seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoiseField(u64);

impl NoiseField {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Value at a point of the plane, about -1 to 1: a cubic spline over random values at integer coordinates.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        self.line(x).at(y)
    }

    /// The field along the line of constant `x`, for many nearby values.
    pub(super) fn line(self, x: f32) -> NoiseLine {
        let (first, weights) = spline(x);
        NoiseLine { field: self, first, weights, base: i32::MIN, knots: [0.0; 4] }
    }

    /// Depth of a point of space in the nearest blob: 1 at its centre, 0 at its rim, down to -0.4 outside.
    ///
    /// Each unit cube holds at most one blob; `fill` is the share of cubes that hold one.
    pub(super) fn blob(self, point: [f32; 3], fill: f32) -> f32 {
        let base = point.map(f32::floor);
        let inside = [point[0] - base[0], point[1] - base[1], point[2] - base[2]];
        // Squared distances to the three slabs of neighbouring cubes along each axis.
        let gaps = inside.map(|t| [t * t, 0.0, (1.0 - t) * (1.0 - t)]);
        let mut nearest = BLOB_REACH * BLOB_REACH;
        for (k, gap_z) in gaps[2].into_iter().enumerate() {
            for (j, gap_y) in gaps[1].into_iter().enumerate() {
                for (i, gap_x) in gaps[0].into_iter().enumerate() {
                    if gap_x + gap_y + gap_z > nearest * (BLOB_RADIUS * BLOB_RADIUS) {
                        continue;
                    }
                    let step = [i as i32 - 1, j as i32 - 1, k as i32 - 1];
                    let bits = self.bits(base[0] as i32 + step[0], base[1] as i32 + step[1], base[2] as i32 + step[2]);
                    let part = |shift: u32| ((bits >> shift) & 0xfff) as f32 / 4096.0;
                    if part(0) > fill {
                        continue;
                    }
                    let radius = BLOB_RADIUS * (0.56 + 0.44 * part(12));
                    let off = |axis: usize, shift: u32| inside[axis] - step[axis] as f32 - part(shift);
                    let (x, y, z) = (off(0, 24), off(1, 36), off(2, 48));
                    nearest = nearest.min((x * x + y * y + z * z) / (radius * radius));
                }
            }
        }
        1.0 - nearest.sqrt()
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

/// A field along a line: the values of [`NoiseField::at`], faster for neighbouring positions.
pub(super) struct NoiseLine {
    field: NoiseField,
    first: i32,
    weights: [f32; 4],
    base: i32,
    knots: [f32; 4],
}

impl NoiseLine {
    pub(super) fn at(&mut self, y: f32) -> f32 {
        let (base, weights) = spline(y);
        if base != self.base {
            self.base = base;
            for (j, knot) in self.knots.iter_mut().enumerate() {
                let row = base + j as i32;
                let points = self.weights.iter().enumerate();
                *knot = points.map(|(i, w)| w * self.field.signed(self.first + i as i32, row, 0)).sum();
            }
        }
        2.2 * (self.knots[0] * weights[0]
            + self.knots[1] * weights[1]
            + self.knots[2] * weights[2]
            + self.knots[3] * weights[3])
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
