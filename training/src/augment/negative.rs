//! Scans without a retina, all background.

use octrls::scan::BScan;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Crop, Frame, chance, noise};

/// A frame of `width` x `height` that shows no retina: noise on uneven light, or a scan's own vitreous.
#[must_use]
pub fn negative(source: &Frame, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Crop {
    let mut bscan = match vitreous(source, width, height) {
        Some(bscan) if chance(rng, 0.5) => bscan,
        _ => uneven_light(width, height, rng),
    };
    if chance(rng, 0.5) {
        noise::smooth(&mut bscan, rng.random_range(0..4), rng.random_range(0..4));
    }
    bscan.intensity.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    let mut frame = Frame { codes: vec![0; width * height], bscan };
    frame.standardise();
    Crop::whole(&frame)
}

fn uneven_light(width: usize, height: usize, rng: &mut ChaCha8Rng) -> BScan {
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

/// The rows above the first layer, mirrored until they fill the frame; `None` where they are few.
fn vitreous(source: &Frame, width: usize, height: usize) -> Option<BScan> {
    let w = source.bscan.width;
    let first = source.codes.iter().position(|&c| c != 0)? / w;
    let rows = first.checked_sub(8).filter(|&r| r >= 48)?;
    let fold = |i: usize, n: usize| if (i / n).is_multiple_of(2) { i % n } else { n - 1 - i % n };
    let intensity = (0..height)
        .flat_map(|y| (0..width).map(move |x| (fold(x, w), fold(y, rows))))
        .map(|(x, y)| source.bscan.intensity[y * w + x])
        .collect();
    Some(BScan { width, height, intensity })
}
