//! Random appearance: contrast, brightness, focus, noise and artefacts, on display intensities from 0 to 1.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    artefact,
    frame::Frame,
    noise,
    random::{chance, random_factor},
};
use crate::ablation::{Ablation, RecipeStep};

/// Degrades the intensities of `frame` at random, rarely heavily; skips the steps that `ablation` omits.
pub(super) fn degrade(frame: &mut Frame, ablation: Ablation, rng: &mut ChaCha8Rng) {
    let [photometric, artefacts, noise_enabled] =
        [RecipeStep::Photometric, RecipeStep::Artefacts, RecipeStep::Noise].map(|s| !ablation.omits(s));
    if photometric && chance(rng, 0.5) {
        artefact::illumination(frame, rng);
    }
    if artefacts && chance(rng, 0.35) {
        artefact::shadows(frame, rng);
    }
    if artefacts && chance(rng, 0.15) {
        artefact::bands(frame, rng);
    }
    let heavy = chance(rng, 0.08);
    if noise_enabled {
        add_blur_and_noise(frame, heavy, rng);
    }
    if photometric {
        adjust_tone(frame, heavy, rng);
    }
    if artefacts && chance(rng, 0.06) {
        artefact::scale_marks(frame, rng);
    }
    if artefacts && chance(rng, 0.12) {
        artefact::wedge(frame, rng);
    }
}

fn add_blur_and_noise(frame: &mut Frame, heavy: bool, rng: &mut ChaCha8Rng) {
    let blur_first = chance(rng, 0.5);
    if blur_first {
        blur(frame, heavy, rng);
    }
    add_noise(frame, heavy, rng);
    if !blur_first {
        blur(frame, heavy, rng);
    }
}

fn blur(frame: &mut Frame, heavy: bool, rng: &mut ChaCha8Rng) {
    if chance(rng, if heavy { 0.7 } else { 0.35 }) {
        let most = if heavy { 5 } else { 3 };
        noise::smooth(&mut frame.bscan, rng.random_range(0..most), rng.random_range(0..=most));
    }
}

fn add_noise(frame: &mut Frame, heavy: bool, rng: &mut ChaCha8Rng) {
    let most = if heavy { 0.25 } else { 0.10 };
    if heavy || chance(rng, 0.6) {
        // Squared, so that weak noise is most common.
        let mut strength = || rng.random_range(0.0..1.0_f32).powi(2) * most;
        let (additive, speckle) = (strength(), 2.0 * strength());
        noise::add_noise(&mut frame.bscan, additive, speckle, rng);
    }
    if chance(rng, 0.15) {
        let strength = rng.random_range(0.01..most);
        noise::add_grain(&mut frame.bscan, rng.random_range(2..5), strength, rng);
    }
}

/// Gamma, contrast and brightness, then display clipping.
fn adjust_tone(frame: &mut Frame, heavy: bool, rng: &mut ChaCha8Rng) {
    let pixels = &mut frame.bscan.intensity;
    let mean = pixels.iter().sum::<f32>() / pixels.len().max(1) as f32;
    let gamma = if chance(rng, 0.6) { random_factor(rng, 1.8) } else { 1.0 };
    let contrast = if heavy { rng.random_range(0.25..0.7) } else { random_factor(rng, 1.5) };
    let brightness = rng.random_range(-0.12..0.12_f32);
    for v in pixels {
        let v0 = v.clamp(0.0, 1.0).powf(gamma);
        *v = (v0 - mean).mul_add(contrast, mean + brightness).clamp(0.0, 1.0);
    }
}
