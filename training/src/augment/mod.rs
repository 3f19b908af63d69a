//! Random variants of a labelled scan: another geometry, another contrast, noise, shadows and artefacts.
//!
//! A variant is made as the runtime would meet it: the whole frame is warped and degraded as display intensities,
//! standardised over its whole area, and only then cropped.

mod artefact;
mod crop;
mod geometry;
mod negative;
mod noise;
mod photometric;

use octrls::{
    measure::accuracy::IGNORE,
    network::{InputSize, Placement},
    scan::BScan,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub use crop::Crop;
pub use negative::negative;

use crate::data::Sample;

/// A scan with one target a pixel, see [`crate::data::target_codes`].
#[derive(Clone, Debug)]
pub struct Frame {
    /// The intensities.
    pub bscan: BScan,
    /// The targets, `width * height`.
    pub codes: Vec<u8>,
}

impl Frame {
    /// The frame of a sample as it is.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self { bscan: sample.bscan.clone(), codes: crate::data::target_codes(sample) }
    }

    /// Replaces the display intensities by standardised ones, as the runtime does.
    fn standardise(&mut self) {
        let BScan { width, height, .. } = self.bscan;
        self.bscan.intensity = Placement::new(width, height, InputSize { width, height }).place(&self.bscan);
    }

    /// Whether a code is that of a layer.
    fn is_layer(code: u8) -> bool {
        code != 0 && usize::from(code) < octrls::layer::CLASSES
    }
}

/// A random variant of `source`, standardised and cropped.
#[must_use]
pub fn vary(source: &Frame, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Crop {
    let mut frame = geometry::warp(source, rng);
    photometric::degrade(&mut frame, rng);
    frame.standardise();
    Crop::around_retina(&frame, width, height, rng)
}

fn chance(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random_bool(probability)
}

/// A factor between `1 / most` and `most`, as likely to shrink as to grow.
fn factor(rng: &mut ChaCha8Rng, most: f32) -> f32 {
    rng.random_range(-1.0..=1.0_f32).mul_add(most.ln(), 0.0).exp()
}

/// Pixels outside a scan or a frame carry no label.
const OUTSIDE: u8 = IGNORE;
