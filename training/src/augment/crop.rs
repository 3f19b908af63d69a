//! Crops a frame to the network's training size.

use octrls_core::layer::EzConvention;
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{frame::Frame, random::chance};
use crate::data::PixelLabel;

/// Largest number of columns or rows by which a crop extends beyond its frame, like the runtime's padding.
const MAX_OVERHANG: f32 = 72.0;

/// Standardised intensities and labels of one crop. Outside the frame, intensities are 0 and pixels are unlabelled.
#[derive(Clone, Debug)]
pub struct Crop {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Standardised intensities, row-major.
    pub input: Vec<f32>,
    /// Labels, row-major.
    pub labels: Vec<PixelLabel>,
    /// Where the ellipsoid zone ends in the labels, by convention.
    pub ez: EzConvention,
}

impl Crop {
    /// A random crop with the retina at any height, rarely cut off by an edge.
    #[must_use]
    pub fn around_retina(frame: &Frame, width: usize, height: usize, rng: &mut ChaCha8Rng) -> Self {
        let (w, h) = (frame.bscan.width, frame.bscan.height);
        let (column, row) = random_retina_pixel(frame, rng).unwrap_or((w / 2, h / 2));
        let across = rng.random_range(0.15..0.85_f32);
        let down = if chance(rng, 0.1) { rng.random_range(-0.05..1.05) } else { rng.random_range(0.2..0.8_f32) };
        let left = crop_start(column as f32 - across * width as f32, w, width, rng);
        let top = crop_start(row as f32 - down * height as f32, h, height, rng);
        Self::cut(frame, left, top, width, height)
    }

    /// The whole frame.
    #[must_use]
    pub fn whole(frame: &Frame) -> Self {
        Self::cut(frame, 0, 0, frame.bscan.width, frame.bscan.height)
    }

    fn cut(frame: &Frame, left: isize, top: isize, width: usize, height: usize) -> Self {
        let (w, h) = (frame.bscan.width as isize, frame.bscan.height as isize);
        let mut input = vec![0.0; width * height];
        let mut labels = vec![PixelLabel::UNKNOWN; width * height];
        let (from, to) = (left.max(0), (left + width as isize).min(w));
        for y in top.max(0)..(top + height as isize).min(h) {
            if from >= to {
                break;
            }
            let source = (y * w + from) as usize..(y * w + to) as usize;
            let at = ((y - top) * width as isize + from - left) as usize;
            input[at..at + source.len()].copy_from_slice(&frame.bscan.intensity[source.clone()]);
            labels[at..at + source.len()].copy_from_slice(&frame.labels[source]);
        }
        Self { width, height, input, labels, ez: frame.ez }
    }
}

/// Share of crops around a lesion, of the frames that have one.
const LESION_SHARE: f64 = 0.5;

/// A random pixel of a lesion, or a random labelled column and the middle of its layers.
fn random_retina_pixel(frame: &Frame, rng: &mut ChaCha8Rng) -> Option<(usize, usize)> {
    let (w, h) = (frame.bscan.width, frame.bscan.height);
    if chance(rng, LESION_SHARE) {
        let is_lesion = |i: &usize| frame.labels[*i].lesion().is_some_and(|class| class > 0);
        let lesions: Vec<usize> = (0..w * h).filter(is_lesion).collect();
        if let Some(&at) = lesions.choose(rng) {
            return Some((at % w, at / w));
        }
    }
    (0..20).find_map(|_| {
        let x = rng.random_range(0..w);
        let is_layer = |y: &usize| frame.labels[y * w + x].is_tissue();
        let first = (0..h).find(is_layer)?;
        let last = (0..h).rfind(is_layer)?;
        Some((x, usize::midpoint(first, last)))
    })
}

/// First column or row of a crop of length `crop` in a frame of length `frame`, near `wanted`.
fn crop_start(wanted: f32, frame: usize, crop: usize, rng: &mut ChaCha8Rng) -> isize {
    let slack = frame as f32 - crop as f32;
    let over = if chance(rng, 0.25) { rng.random_range(0.0..MAX_OVERHANG) } else { 0.0 };
    if slack < 0.0 {
        return rng.random_range(slack..=0.0).round() as isize;
    }
    wanted.clamp(-over, slack + over).round() as isize
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;
    use rand::SeedableRng;

    use super::*;

    fn frame(width: usize, height: usize) -> Frame {
        let code = |i: usize| if i / width == height / 2 { 3 } else { 0 };
        let labels = (0..width * height).map(|i| PixelLabel::of_code(code(i))).collect();
        Frame {
            bscan: BScan { width, height, intensity: vec![1.0; width * height] },
            labels,
            ez: EzConvention::default(),
        }
    }

    #[test]
    fn outside_the_frame_crops_are_empty_and_unlabelled() {
        let crop = Crop::cut(&frame(4, 4), -1, -2, 6, 8);
        for (i, (&v, label)) in crop.input.iter().zip(&crop.labels).enumerate() {
            let inside = (1..5).contains(&(i % 6)) && (2..6).contains(&(i / 6));
            assert_eq!((v > 0.5, label.knows_layers()), (inside, inside), "pixel {i}");
        }
    }

    #[test]
    fn crops_have_the_requested_size_and_mostly_show_the_retina() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (w, h) in [(20, 20), (300, 20), (20, 300), (300, 300)] {
            let shown = (0..50)
                .map(|_| Crop::around_retina(&frame(w, h), 64, 96, &mut rng))
                .inspect(|crop| assert_eq!((crop.input.len(), crop.labels.len()), (64 * 96, 64 * 96)))
                .filter(|crop| crop.labels.contains(&PixelLabel::of_code(3)))
                .count();
            assert!(shown >= 40, "{shown} of 50 crops show the retina of a {w} x {h} frame");
        }
    }
}
