//! Random variants of a labelled scan: geometry, contrast, noise, shadows and artefacts.
//!
//! The order matches the runtime: the whole frame is warped and degraded as display intensities, standardised over its
//! whole area, and cropped last.

mod artefact;
mod crop;
mod disturb;
mod geometry;
mod negative;
mod noise;
mod photometric;

use octrls_core::{layer::EzConvention, measure::accuracy::IGNORE, network::{InputSize, Placement}, scan::BScan};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub use crop::Crop;
pub use disturb::{DISTURBANCES, Disturbance};
pub use negative::negative;

use crate::{
    data::Sample,
    steps::{Step, Without},
};

/// A scan with one target per pixel, see [`crate::data::target_codes`].
#[derive(Clone, Debug)]
pub struct Frame {
    /// The intensities.
    pub bscan: BScan,
    /// The targets, `width * height`.
    pub codes: Vec<u8>,
    /// Where the ellipsoid zone ends in the targets, by convention.
    pub ez: EzConvention,
}

impl Frame {
    /// The unchanged frame of a sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self { bscan: sample.bscan.clone(), codes: crate::data::target_codes(sample), ez: sample.ez }
    }

    /// The frame on the network's grid: fitted to the input and standardised as in the runtime.
    fn placed(&self) -> Self {
        let BScan { width, height, .. } = self.bscan;
        let (columns, rows) = Placement::resized_size(width, height);
        let input = InputSize { width: columns.min(LONGEST), height: rows.min(LONGEST) };
        let row = |y: usize| (2 * y + 1) * height / (2 * input.height) * width;
        let column = |x: usize| (2 * x + 1) * width / (2 * input.width);
        let codes = (0..input.height).flat_map(|y| (0..input.width).map(move |x| self.codes[row(y) + column(x)]));
        let intensity = Placement::new(width, height, input).input_of(&self.bscan);
        let bscan = BScan { width: input.width, height: input.height, intensity };
        Self { codes: codes.collect(), bscan, ez: self.ez }
    }

    /// Standardises the display intensities as the runtime does.
    fn standardise(&mut self) {
        let BScan { width, height, .. } = self.bscan;
        self.bscan.intensity = Placement::new(width, height, InputSize { width, height }).input_of(&self.bscan);
    }

    /// Whether a code is a layer.
    fn is_layer(code: u8) -> bool {
        code != 0 && usize::from(code) < octrls_core::layer::CLASSES
    }
}

/// A random variant of `source`, standardised and cropped; skips the steps in `without`.
#[must_use]
pub fn vary(source: &Frame, width: usize, height: usize, without: Without, rng: &mut ChaCha8Rng) -> Crop {
    let mut frame =
        if without.leaves_out(Step::Geometry) { geometry::fit(source) } else { geometry::warp(source, rng) };
    photometric::degrade(&mut frame, without, rng);
    frame.standardise();
    Crop::around_retina(&frame, width, height, rng)
}

/// A random crop of `source`, preprocessed as in the runtime, optionally mirrored.
#[must_use]
pub fn as_scanned(source: &Frame, width: usize, height: usize, without: Without, rng: &mut ChaCha8Rng) -> Crop {
    let mut frame = source.placed();
    if !without.leaves_out(Step::Geometry) && chance(rng, 0.5) {
        let w = frame.bscan.width;
        frame.bscan.intensity.chunks_exact_mut(w).for_each(<[f32]>::reverse);
        frame.codes.chunks_exact_mut(w).for_each(<[u8]>::reverse);
    }
    Crop::around_retina(&frame, width, height, rng)
}

fn chance(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random_bool(probability)
}

/// A random factor between `1 / most` and `most`, symmetric around 1 on a log scale.
fn factor(rng: &mut ChaCha8Rng, most: f32) -> f32 {
    rng.random_range(-1.0..=1.0_f32).mul_add(most.ln(), 0.0).exp()
}

/// Longest side of the network's input.
pub const LONGEST: usize = 640;
/// Pixels outside a scan or a frame are unlabelled.
const OUTSIDE: u8 = IGNORE;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_placed_frame_shrinks_labels_and_intensities_alike() {
        let (width, height) = (LONGEST * 2, 420);
        let bright = |i: usize| i / width >= 210 && i % width >= LONGEST;
        let frame = Frame {
            bscan: BScan {
                width,
                height,
                intensity: (0..width * height).map(|i| f32::from(u8::from(bright(i)))).collect(),
            },
            codes: (0..width * height).map(|i| u8::from(bright(i))).collect(),
            ez: EzConvention::BandAlone,
        };
        let placed = frame.placed();
        assert_eq!((placed.bscan.width, placed.bscan.height, placed.ez), (LONGEST, height, EzConvention::BandAlone));
        assert!(placed.codes.iter().zip(&placed.bscan.intensity).all(|(&code, &v)| (code == 1) == (v > 0.0)));
    }

    #[test]
    fn a_plain_crop_has_the_pixels_of_the_scan() {
        let source = Frame::of(&crate::data::phantom(5));
        let mut values: Vec<u32> = source.placed().bscan.intensity.iter().map(|v| v.to_bits()).collect();
        values.sort_unstable();
        let crop = as_scanned(&source, 96, 96, Without::default(), &mut ChaCha8Rng::seed_from_u64(2));
        assert!(crop.input.iter().all(|v| *v == 0.0 || values.binary_search(&v.to_bits()).is_ok()));
    }
}
