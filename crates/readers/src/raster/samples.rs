//! Intensities from samples of any kind and depth.

use std::borrow::Cow;

use image::DynamicImage;
use octrls_core::scan::{BScan, Note};

/// Depths that scanners store in 16 bits. A deeper image is not scaled.
const DEPTHS: [u32; 4] = [8, 10, 12, 14];

/// Intensities of an image: colours as luminance, alpha ignored. Samples of 16 bits that hold fewer are scaled by the
/// depth that they hold; the second value says so.
pub(super) fn of_image(image: &DynamicImage) -> (BScan, Option<Note>) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let of = |intensity| BScan { width, height, intensity };
    if let DynamicImage::ImageLuma8(grey) = image {
        return (of(grey.as_raw().iter().map(|&v| f32::from(v) / 255.0).collect()), None);
    }
    let grey = match image {
        DynamicImage::ImageLuma16(grey) => Cow::Borrowed(grey),
        other => Cow::Owned(other.to_luma16()),
    };
    let deep = matches!(
        image,
        DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_)
    );
    let (full, note) = if deep { full_scale(grey.as_raw()) } else { (u16::MAX, None) };
    (of(grey.as_raw().iter().map(|&v| (f32::from(v) / f32::from(full)).min(1.0)).collect()), note)
}

/// The sample that is white, and what to say of it if it is not the largest of 16 bits.
fn full_scale(samples: &[u16]) -> (u16, Option<Note>) {
    let max = samples.iter().copied().max().unwrap_or_default();
    match DEPTHS.into_iter().find(|&bits| u32::from(max) < 1 << bits) {
        Some(bits) if max > 0 => (((1_u32 << bits) - 1) as u16, Some(Note::DepthScaled { bits })),
        _ => (u16::MAX, None),
    }
}

/// Intensities of samples of no fixed range, such as floats and signed integers. Values from 0 to 1, 0 to 255, or 0 to
/// 65,535 keep their scale; others are scaled from the smallest to the largest. What is not finite becomes 0.
pub(super) fn of_range(values: &[f64]) -> Vec<f32> {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let known = [1.0, 255.0, 1023.0, 4095.0, 16_383.0, 65_535.0];
    // A value above half of a scale is a sign that the scale is used.
    let scale = known.into_iter().find(|&full| low >= 0.0 && high <= full && 2.0 * high > full);
    let (from, to) = scale.map_or((low.min(0.0), high), |full| (0.0, full));
    let range = to - from;
    let intensity =
        |v: f64| if v.is_finite() && range > 0.0 { ((v - from) / range).clamp(0.0, 1.0) as f32 } else { 0.0 };
    values.iter().map(|&v| intensity(v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_known_scales_stay_and_others_are_stretched() {
        assert_eq!(of_range(&[0.0, 0.25, 0.75]), [0.0, 0.25, 0.75]);
        assert_eq!(of_range(&[0.0, 51.0, 204.0]), [0.0, 0.2, 0.8]);
        assert_eq!(of_range(&[0.0, 0.001, 0.002]), [0.0, 0.5, 1.0]);
        assert_eq!(of_range(&[-30.0, 0.0, 30.0]), [0.0, 0.5, 1.0]);
        assert_eq!(of_range(&[f64::NAN, 0.5, f64::INFINITY, 1.0]), [0.0, 0.5, 0.0, 1.0]);
        assert_eq!(of_range(&[7.0, 7.0]), [1.0, 1.0]);
        assert_eq!(of_range(&[0.0, 0.0]), [0.0, 0.0]);
    }

    #[test]
    fn samples_that_reach_the_top_are_16_bits_deep() {
        assert_eq!(full_scale(&[1, 255]).0, 255);
        assert_eq!(full_scale(&[1, 4095]).0, 4095);
        assert_eq!(full_scale(&[1, 16_384]), (u16::MAX, None));
        assert_eq!(full_scale(&[0, 0]), (u16::MAX, None));
    }
}
