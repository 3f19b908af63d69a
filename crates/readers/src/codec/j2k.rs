//! JPEG 2000, as a raw codestream or in its file format.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use octrls_core::scan::BScan;

use crate::ReadError;

/// Maximum components of an image.
const MAX_COMPONENTS: u8 = 4;

/// Decodes one grey image, or the first of several components. The size must be `width` x `height` and is checked
/// before decoding.
pub(crate) fn decode(bytes: &[u8], width: usize, height: usize) -> Result<BScan, ReadError> {
    let broken = |e: &dyn std::fmt::Display| ReadError::Malformed(format!("JPEG 2000: {e}"));
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(|e| broken(&e))?;
    if (image.width() as usize, image.height() as usize) != (width, height) {
        let found = format!("JPEG 2000 of {} x {} pixels", image.width(), image.height());
        return Err(ReadError::Malformed(format!("{found} instead of {width} x {height}")));
    }
    if image.color_space().num_channels() > MAX_COMPONENTS {
        return Err(ReadError::Unsupported("JPEG 2000 with too many components".to_owned()));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| broken(&e))?;
    let grey = decoded.components().first().ok_or_else(|| broken(&"no component"))?;
    let max = f64::from(grey.bit_depth()).exp2() - 1.0;
    let intensity: Vec<f32> = grey.samples().iter().map(|&v| (f64::from(v) / max).clamp(0.0, 1.0) as f32).collect();
    if intensity.len() != width * height {
        return Err(broken(&"components of different sizes"));
    }
    Ok(BScan { width, height, intensity })
}
