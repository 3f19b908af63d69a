//! Boundaries by a hidden Markov chain per A-scan: vitreous, the layers in order, the tissue below.
//!
//! The chain is left-to-right over [`STATES`] states: it may advance, also past layers that are absent, but never
//! return. Between photoreceptors and RPE, and between RPE and Bruch's membrane, it has a state for the space that a
//! lesion opens there. With the network's class probabilities as emissions, the forward-backward algorithm (Rabiner,
//! Proc. IEEE 1989) gives the probability of every state in every row. The expected row of an edge is the expected
//! number of rows spent in the states above it. Each path through the chain is ordered, so the expected rows are ordered
//! too.
//!
//! Everything is inlined into its caller, which decides the instruction set it is compiled for.

use std::f32::consts::{LN_2, LOG2_E};

use super::column::EDGES;
use crate::{
    layer::{CLASSES, Layer},
    lesion::{LESION_CLASSES, Lesion},
};

/// Vitreous, the layers, the two spaces, and the tissue below the choroid.
pub(super) const STATES: usize = EDGES + 1;
/// A-scans solved together, to fill vector units.
pub(super) const LANES: usize = 16;

/// Smallest state probability. Each row that contradicts a path costs it at most a factor of [`FLOOR`], so a path
/// survives about sixty such rows, for example an artefact above the retina.
const NEGLIGIBLE: f64 = 1e-300;
/// Smallest emission, so that no single pixel can rule out a path.
const FLOOR: f32 = 1e-5;
/// Smallest probability of the retina's layers by which those in a cyst are divided.
const MIN_LAYERS: f32 = 0.05;

/// The states of NFL to ellipsoid zone.
const INNER: std::ops::RangeInclusive<usize> = 1..=6;
/// The space between photoreceptors and RPE.
const SUBRETINAL: usize = 7;
const RPE: usize = 8;
/// The space between RPE and Bruch's membrane.
const SUB_RPE: usize = 9;
const CHOROID: usize = 10;
const BELOW: usize = STATES - 1;
/// The states of ONL, ellipsoid zone and RPE.
const OUTER: [usize; 3] = [5, 6, RPE];

type Lanes = [f32; LANES];
/// State probabilities, whose range exceeds that of single precision.
type Wide = [f64; LANES];

/// Expected rows of the edges between states for [`LANES`] A-scans.
#[derive(Clone, Debug)]
pub(super) struct Posterior {
    /// Expected row of each edge.
    pub(super) mean: [Lanes; EDGES],
    /// Standard deviation of each edge's row.
    pub(super) deviation: [Lanes; EDGES],
    /// Probability that the edge lies above the first row.
    pub(super) above: [Lanes; EDGES],
    /// Probability that the edge lies below the last row.
    pub(super) below: [Lanes; EDGES],
    /// Expected number of rows between ILM and Bruch's membrane.
    pub(super) retina: Lanes,
    /// Expected number of rows in the outer retina: ONL, ellipsoid zone and RPE.
    pub(super) outer: Lanes,
    /// Expected number of rows in the choroid.
    pub(super) choroid: Lanes,
    /// Overlap (intersection over union) of the seven layers and the two spaces as seen by the network row by row, and as ordered by the
    /// chain. Small if layers are faint or the network sees them in an impossible order.
    pub(super) agreement: Lanes,
}

/// Solves chains; reuses its buffers between strips of A-scans.
#[derive(Default)]
pub(super) struct Solver {
    emissions: Vec<[Lanes; STATES]>,
    forward: Vec<[Wide; STATES]>,
}

impl Solver {
    /// Solves one strip. `scores(class, row)` gives the class scores of its A-scans, those of the lesions after those of
    /// the layers if there are `lesions`; `rows` is at least 1.
    #[inline(always)]
    pub(super) fn solve(
        &mut self,
        rows: usize,
        temperature: f32,
        lesions: bool,
        mut scores: impl FnMut(usize, usize) -> Lanes,
    ) -> Posterior {
        self.emissions.clear();
        for row in 0..rows {
            // Plain loops throughout: a closure may be compiled separately, without the caller's vector instructions.
            let mut layers = [[0.0; LANES]; CLASSES];
            for (class, lanes) in layers.iter_mut().enumerate() {
                *lanes = scores(class, row);
            }
            softmax(&mut layers, temperature);
            self.emissions.push(if lesions {
                let mut lesions = [[0.0; LANES]; LESION_CLASSES];
                for (class, lanes) in lesions.iter_mut().enumerate() {
                    *lanes = scores(CLASSES + class, row);
                }
                softmax(&mut lesions, 1.0);
                with_lesions(&layers, &lesions)
            } else {
                without_lesions(&layers)
            });
        }
        self.run_forward();
        self.run_backward()
    }

    #[inline(always)]
    fn run_forward(&mut self) {
        self.forward.clear();
        let mut state = [[1.0; LANES]; STATES];
        for (row, emission) in self.emissions.iter().enumerate() {
            if row > 0 {
                for s in 1..STATES {
                    state[s] = sum_of(&state[s], &state[s - 1]);
                }
            }
            emit(&mut state, emission);
            self.forward.push(state);
        }
    }

    #[inline(always)]
    fn run_backward(&self) -> Posterior {
        let rows = self.forward.len();
        let mut sum = [[0.0_f64; LANES]; EDGES];
        let mut square = [[0.0_f64; LANES]; EDGES];
        let mut above = [[0.0; LANES]; EDGES];
        let mut below = [[0.0; LANES]; EDGES];
        let (mut agreed, mut claimed) = ([0.0; LANES], [1e-6_f32; LANES]);
        let mut retina = [1e-6_f32; LANES];
        let (mut outer, mut choroid) = ([0.0; LANES], [0.0; LANES]);

        let mut backward: [Wide; STATES] = [[1.0; LANES]; STATES];
        for row in (0..rows).rev() {
            let gamma = posterior(&self.forward[row], &backward);
            let mut before = [0.0; LANES];
            for k in 0..EDGES {
                for l in 0..LANES {
                    before[l] += gamma[k][l];
                    sum[k][l] += before[l];
                    square[k][l] += (2 * row + 1) as f64 * before[l];
                }
                if row == 0 {
                    above[k] = before.map(|p| 1.0 - p as f32);
                }
                if row + 1 == rows {
                    below[k] = before.map(|p| p as f32);
                }
            }
            // The retina lies between ILM and Bruch's membrane.
            let (mut inside, mut agreeing, mut seen) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
            for (state, seen_here) in gamma[1..CHOROID].iter().zip(&self.emissions[row][1..CHOROID]) {
                for l in 0..LANES {
                    let p = state[l] as f32;
                    inside[l] += p;
                    agreeing[l] += p * seen_here[l];
                    seen[l] += seen_here[l];
                }
            }
            for state in OUTER {
                for l in 0..LANES {
                    outer[l] += gamma[state][l] as f32;
                }
            }
            for l in 0..LANES {
                retina[l] += inside[l];
                agreed[l] += agreeing[l];
                claimed[l] += inside[l] + (1.0 - inside[l]) * seen[l];
                choroid[l] += gamma[CHOROID][l] as f32;
            }
            emit(&mut backward, &self.emissions[row]);
            for s in (0..STATES - 1).rev() {
                backward[s] = sum_of(&backward[s], &backward[s + 1]);
            }
        }

        let mut mean = [[0.0; LANES]; EDGES];
        let mut deviation = [[0.0; LANES]; EDGES];
        for k in 0..EDGES {
            for l in 0..LANES {
                mean[k][l] = sum[k][l] as f32;
                if k > 0 {
                    mean[k][l] = mean[k][l].max(mean[k - 1][l]);
                }
                deviation[k][l] = (square[k][l] - sum[k][l] * sum[k][l]).max(0.0).sqrt() as f32;
            }
        }
        let agreement = std::array::from_fn(|l| (agreed[l] / claimed[l]).clamp(0.0, 1.0));
        Posterior { mean, deviation, above, below, retina, outer, choroid, agreement }
    }
}

/// Probabilities of the states where the network knows no lesions.
#[inline(always)]
fn without_lesions(layers: &[Lanes; CLASSES]) -> [Lanes; STATES] {
    let mut states = [[0.0; LANES]; STATES];
    for l in 0..LANES {
        states[0][l] = layers[0][l] + FLOOR;
        for class in INNER {
            states[class][l] = layers[class][l] + FLOOR;
        }
        states[RPE][l] = layers[Layer::Rpe.class() as usize][l] + FLOOR;
        states[CHOROID][l] = layers[Layer::Choroid.class() as usize][l] + FLOOR;
        states[BELOW][l] = layers[0][l] + FLOOR;
    }
    states
}

/// Probabilities of the states. A cyst lies in a layer, never in the vitreous. The cavity of a hole is vitreous.
/// Subretinal fluid and membranes fill the space above the RPE.
#[inline(always)]
fn with_lesions(layers: &[Lanes; CLASSES], lesions: &[Lanes; LESION_CLASSES]) -> [Lanes; STATES] {
    let lesion = |lesion: Lesion| &lesions[lesion.class() as usize];
    let (irf, srf, sub_rpe) = (lesion(Lesion::Irf), lesion(Lesion::Srf), lesion(Lesion::SubRpe));
    let (hole, shrm) = (lesion(Lesion::Hole), lesion(Lesion::Shrm));
    let mut states = [[0.0; LANES]; STATES];
    for l in 0..LANES {
        let none = lesions[0][l];
        let mut inner = 0.0;
        for class in INNER {
            inner += layers[class][l];
        }
        let in_layer = none + irf[l] / inner.max(MIN_LAYERS);
        states[0][l] = layers[0][l] * none + hole[l] + FLOOR;
        for class in INNER {
            states[class][l] = layers[class][l] * in_layer + FLOOR;
        }
        states[SUBRETINAL][l] = srf[l] + shrm[l] + FLOOR;
        states[RPE][l] = layers[Layer::Rpe.class() as usize][l] * none + FLOOR;
        states[SUB_RPE][l] = sub_rpe[l] + FLOOR;
        states[CHOROID][l] = layers[Layer::Choroid.class() as usize][l] * none + FLOOR;
        states[BELOW][l] = layers[0][l] * none + FLOOR;
    }
    states
}

/// Turns scores into probabilities.
#[inline(always)]
fn softmax<const N: usize>(scores: &mut [Lanes; N], temperature: f32) {
    let inverse = temperature.recip();
    let mut max = [f32::MIN; LANES];
    for class in scores.iter_mut() {
        for l in 0..LANES {
            // Scores that are not finite count as zero.
            class[l] = if class[l].is_finite() { (class[l] * inverse).clamp(-1e4, 1e4) } else { 0.0 };
            max[l] = max[l].max(class[l]);
        }
    }
    let mut total = [0.0; LANES];
    for class in scores.iter_mut() {
        for l in 0..LANES {
            class[l] = exp(class[l] - max[l]);
            total[l] += class[l];
        }
    }
    for class in scores.iter_mut() {
        for l in 0..LANES {
            class[l] /= total[l];
        }
    }
}

/// `e` to the power of a non-positive `x`, with a relative error below 1e-5. Free of branches and calls, so that it
/// vectorises.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let scaled = (x * LOG2_E).max(-126.0);
    let whole = scaled as i32;
    let t = (scaled - whole as f32) * LN_2;
    let series = 1.0 + t * (1.0 / 5.0 + t * (1.0 / 30.0 + t * (1.0 / 210.0 + t / 1680.0)));
    let series = 1.0 + t * (1.0 + t * (1.0 / 2.0 + t * (1.0 / 6.0 + t * (1.0 / 24.0) * series)));
    series * f32::from_bits(((whole + 127) as u32) << 23)
}

/// Multiplies each state by its emission and scales each lane's sum to 1.
#[inline(always)]
fn emit(state: &mut [Wide; STATES], emission: &[Lanes; STATES]) {
    for (value, e) in state.iter_mut().zip(emission) {
        for l in 0..LANES {
            value[l] *= f64::from(e[l]);
        }
    }
    normalise(state);
}

#[inline(always)]
fn sum_of(a: &Wide, b: &Wide) -> Wide {
    let mut sum = *a;
    for l in 0..LANES {
        sum[l] += b[l];
    }
    sum
}

#[inline(always)]
fn posterior(forward: &[Wide; STATES], backward: &[Wide; STATES]) -> [Wide; STATES] {
    let mut gamma = *forward;
    for (g, b) in gamma.iter_mut().zip(backward) {
        for l in 0..LANES {
            g[l] *= b[l];
        }
    }
    normalise(&mut gamma);
    gamma
}

#[inline(always)]
fn normalise(state: &mut [Wide; STATES]) {
    let mut total = [f64::MIN_POSITIVE; LANES];
    for value in state.iter() {
        for l in 0..LANES {
            total[l] += value[l];
        }
    }
    let mut inverse = total;
    for value in &mut inverse {
        *value = value.recip();
    }
    for value in state {
        for l in 0..LANES {
            // Smaller (subnormal) numbers are a hundred times slower, and a state of probability zero could never
            // recover.
            value[l] = (value[l] * inverse[l]).max(NEGLIGIBLE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_system() {
        for i in 0..2000 {
            let x = -0.043 * i as f32;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-5, "{x}: {} for {}", exp(x), x.exp());
        }
        assert!(exp(-1e4) < 1e-37);
    }
}
