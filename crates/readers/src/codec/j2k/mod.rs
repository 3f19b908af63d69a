//! JPEG 2000, as a raw codestream or in its file format.

mod coding;
mod structure;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::sample;

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use octrls_core::scan::BScan;

use crate::ReadError;

/// The samples of one grey image, or of the first of several components.
pub(crate) struct Decoded {
    /// Row by row, as stored.
    pub(crate) samples: Vec<f32>,
    /// Bits of a sample.
    pub(crate) bits: u8,
    /// Whether samples can be negative.
    pub(crate) signed: bool,
}

/// Decodes an image of `width` x `height`. Size and structure are checked before decoding.
pub(crate) fn samples(bytes: &[u8], width: usize, height: usize) -> Result<Decoded, ReadError> {
    let broken = |e: &dyn std::fmt::Display| structure::broken(&e.to_string());
    let structure::Samples { bits, signed } = structure::check(bytes)?;
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(|e| broken(&e))?;
    if (image.width() as usize, image.height() as usize) != (width, height) {
        let found = format!("JPEG 2000 of {} x {} pixels", image.width(), image.height());
        return Err(ReadError::Malformed(format!("{found} instead of {width} x {height}")));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| broken(&e))?;
    let grey = decoded.components().first().ok_or_else(|| broken(&"no component"))?;
    // The decoder takes all samples as unsigned.
    let shift = if signed { f64::from(bits - 1).exp2() as f32 } else { 0.0 };
    let samples: Vec<f32> = grey.samples().iter().map(|&v| v - shift).collect();
    if samples.len() != width * height {
        return Err(broken(&"components of different sizes"));
    }
    Ok(Decoded { samples, bits, signed })
}

/// Decodes an image of `width` x `height` unsigned samples to display intensities.
pub(crate) fn decode(bytes: &[u8], width: usize, height: usize) -> Result<BScan, ReadError> {
    let Decoded { samples, bits, signed } = samples(bytes, width, height)?;
    let steps = f64::from(bits).exp2();
    let (low, max) = (if signed { -0.5 * steps } else { 0.0 }, steps - 1.0);
    let intensity = samples.iter().map(|&v| ((f64::from(v) - low) / max).clamp(0.0, 1.0) as f32).collect();
    Ok(BScan { width, height, intensity })
}
