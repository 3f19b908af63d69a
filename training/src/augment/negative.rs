//! Negative examples: images without a retina, all background.

use octrls_core::scan::BScan;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{crop::Crop, frame::Frame, noise, random::chance, scan_crops::varied_crop};
use crate::{ablation::Ablation, data::PixelLabel};

/// A frame of `width` x `height` without a retina: noise with uneven illumination, a scan's vitreous, an upside-down
/// scan, or an artificial picture.
#[must_use]
pub fn negative_crop(source: &Frame, width: usize, height: usize, ablation: Ablation, rng: &mut ChaCha8Rng) -> Crop {
    let mut bscan = match rng.random_range(0..4) {
        0 => vitreous(source, width, height).unwrap_or_else(|| noise_image(width, height, rng)),
        1 => noise_image(width, height, rng),
        2 => return upside_down(source, width, height, ablation, rng),
        _ => shapes(width, height, rng),
    };
    if chance(rng, 0.5) {
        noise::smooth(&mut bscan, rng.random_range(0..4), rng.random_range(0..4));
    }
    bscan.intensity.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    let mut frame = Frame { labels: vec![PixelLabel::BACKGROUND; width * height], bscan, ez: source.ez };
    frame.standardise();
    Crop::whole(&frame)
}

fn noise_image(width: usize, height: usize, rng: &mut ChaCha8Rng) -> BScan {
    let level = rng.random_range(0.05..0.7_f32);
    let strength = rng.random_range(0.0..0.5_f32);
    let (across, along) = (noise::slow_curve(width, rng), noise::slow_curve(height, rng));
    let intensity = along
        .iter()
        .flat_map(|a| across.iter().map(move |c| level * (1.0 + strength * a) * (1.0 + strength * c)))
        .collect();
    let mut bscan = BScan { width, height, intensity };
    let (additive, speckle) = (rng.random_range(0.01..0.2), rng.random_range(0.0..0.3));
    noise::add_noise(&mut bscan, additive, speckle, rng);
    bscan
}

/// A variant of the scan turned upside down: the order of layers, not only their look, makes a retina.
fn upside_down(source: &Frame, width: usize, height: usize, ablation: Ablation, rng: &mut ChaCha8Rng) -> Crop {
    let mut crop = varied_crop(source, width, height, ablation, rng);
    let rows = crop.input.chunks_exact(width).rev().flatten().copied().collect();
    crop.input = rows;
    crop.labels.fill(PixelLabel::BACKGROUND);
    crop
}

/// Overlapping bright and dark boxes and discs, as in photographs, fundus images and screenshots.
fn shapes(width: usize, height: usize, rng: &mut ChaCha8Rng) -> BScan {
    let mut bscan = noise_image(width, height, rng);
    for _ in 0..rng.random_range(1..25) {
        let (x0, y0) = (rng.random_range(-0.2..1.0) * width as f32, rng.random_range(-0.2..1.0) * height as f32);
        let (w, h) = (rng.random_range(0.01..0.8) * width as f32, rng.random_range(0.01..0.8) * height as f32);
        let (value, solid) = (rng.random_range(0.0..1.0_f32), rng.random_range(0.2..1.0_f32));
        let disc = chance(rng, 0.5);
        for y in y0.max(0.0) as usize..((y0 + h).max(0.0) as usize).min(height) {
            for x in x0.max(0.0) as usize..((x0 + w).max(0.0) as usize).min(width) {
                let (dx, dy) = (2.0 * (x as f32 - x0) / w - 1.0, 2.0 * (y as f32 - y0) / h - 1.0);
                if !disc || dx * dx + dy * dy < 1.0 {
                    let v = &mut bscan.intensity[y * width + x];
                    *v += (value - *v) * solid;
                }
            }
        }
    }
    bscan
}

/// The rows above the first layer, mirrored until they fill the frame; `None` if there are too few.
fn vitreous(source: &Frame, width: usize, height: usize) -> Option<BScan> {
    let w = source.bscan.width;
    let first = source.labels.iter().position(|label| label.layer() != Some(0))? / w;
    let rows = first.checked_sub(8).filter(|&r| r >= 48)?;
    let fold = |i: usize, n: usize| if (i / n).is_multiple_of(2) { i % n } else { n - 1 - i % n };
    let intensity = (0..height)
        .flat_map(|y| (0..width).map(move |x| (fold(x, w), fold(y, rows))))
        .map(|(x, y)| source.bscan.intensity[y * w + x])
        .collect();
    Some(BScan { width, height, intensity })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn negative_crops_are_all_background() {
        let source = Frame::of(&crate::data::phantom(3));
        for seed in 0..24 {
            let crop = negative_crop(&source, 64, 80, Ablation::default(), &mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(crop.labels, vec![PixelLabel::BACKGROUND; 64 * 80], "seed {seed}");
            assert!(crop.input.len() == 64 * 80 && crop.input.iter().all(|v| v.is_finite()), "seed {seed}");
        }
    }
}
