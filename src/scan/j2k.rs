//! JPEG 2000, as a raw codestream or in its file format.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::{BScan, ReadError, dimensions};

/// Decodes one grey image; its first component where it has several. Sizes are checked before anything is decoded.
pub(super) fn decode(bytes: &[u8]) -> Result<BScan, ReadError> {
    let broken = |e: &dyn std::fmt::Display| ReadError::Malformed(format!("JPEG 2000: {e}"));
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(|e| broken(&e))?;
    let (width, height) = dimensions::check(image.width().into(), image.height().into())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| broken(&e))?;
    let grey = decoded.components().first().ok_or_else(|| broken(&"no component"))?;
    let most = f64::from(grey.bit_depth()).exp2() - 1.0;
    let intensity: Vec<f32> = grey.samples().iter().map(|&v| (f64::from(v) / most).clamp(0.0, 1.0) as f32).collect();
    if intensity.len() != width * height {
        return Err(broken(&"a component of another size"));
    }
    Ok(BScan { width, height, intensity })
}
