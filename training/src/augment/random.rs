//! Random numbers that several variations need.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// True with the given probability.
pub(super) fn chance(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random_bool(probability)
}

/// A random factor between `1 / most` and `most`, symmetric around 1 on a log scale.
pub(super) fn random_factor(rng: &mut ChaCha8Rng, most: f32) -> f32 {
    rng.random_range(-1.0..=1.0_f32).mul_add(most.ln(), 0.0).exp()
}
