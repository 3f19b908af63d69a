//! Crops that show the retina: as scanned, or varied.

use rand_chacha::ChaCha8Rng;

use super::{crop::Crop, frame::Frame, geometry, photometric, random::chance};
use crate::{
    ablation::{Ablation, RecipeStep},
    data::PixelLabel,
};

/// A random variant of `source`, standardised and cropped; skips the steps that `ablation` omits.
#[must_use]
pub fn varied_crop(source: &Frame, width: usize, height: usize, ablation: Ablation, rng: &mut ChaCha8Rng) -> Crop {
    let mut frame =
        if ablation.omits(RecipeStep::Geometry) { geometry::fit(source) } else { geometry::warp(source, rng) };
    photometric::degrade(&mut frame, ablation, rng);
    frame.standardise();
    Crop::around_retina(&frame, width, height, rng)
}

/// A random crop of `source`, preprocessed as in the runtime, optionally mirrored.
#[must_use]
pub fn plain_crop(source: &Frame, width: usize, height: usize, ablation: Ablation, rng: &mut ChaCha8Rng) -> Crop {
    let mut frame = source.placed();
    if !ablation.omits(RecipeStep::Geometry) && chance(rng, 0.5) {
        let w = frame.bscan.width;
        frame.bscan.intensity.chunks_exact_mut(w).for_each(<[f32]>::reverse);
        frame.labels.chunks_exact_mut(w).for_each(<[PixelLabel]>::reverse);
    }
    Crop::around_retina(&frame, width, height, rng)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn plain_crop_has_the_pixels_of_the_scan() {
        let source = Frame::of(&crate::data::phantom(5));
        let mut values: Vec<u32> = source.placed().bscan.intensity.iter().map(|v| v.to_bits()).collect();
        values.sort_unstable();
        let crop = plain_crop(&source, 96, 96, Ablation::default(), &mut ChaCha8Rng::seed_from_u64(2));
        assert!(crop.input.iter().all(|v| *v == 0.0 || values.binary_search(&v.to_bits()).is_ok()));
    }
}
