//! Images in `.E2E` files: a header of 20 bytes, then samples by rows.

use crate::{ReadError, dimensions, heidelberg::display_intensity, little_endian::LittleEndian};

pub(crate) const HEADER_BYTES: u64 = 20;
/// B-scans: unsigned 16-bit floats.
const FLOAT16: u32 = 0x0220_0201;
const GREY8: u32 = 0x0201_0201;
const JPEG: u32 = 0x0201_0101;

/// Width and height of the B-scan whose chunk has `size` bytes of content that start with `header`.
pub(crate) fn dimensions(header: &[u8], size: u64) -> Result<(usize, usize), ReadError> {
    let fields = LittleEndian(header);
    let kind = fields.u32(4)?;
    if kind != FLOAT16 {
        return Err(ReadError::Unsupported(match kind {
            JPEG => "a B-scan compressed as JPEG".to_owned(),
            GREY8 => "a B-scan of 8-bit samples".to_owned(),
            other => format!("a B-scan of kind {other:#010x}"),
        }));
    }
    let (width, height) = dimensions::check(fields.u32(16)?.into(), fields.u32(12)?.into())?;
    let expected = HEADER_BYTES + 2 * (width * height) as u64;
    if u64::from(fields.u32(0)?) != expected || size != expected {
        let problem = format!("{size} bytes of samples do not fit a B-scan of {width} x {height}");
        return Err(ReadError::Malformed(problem));
    }
    Ok((width, height))
}

/// Width and height of the fundus image whose chunk has `size` bytes of content that start with `header`; `None` if it
/// has another form or is incomplete.
pub(crate) fn fundus_dimensions(header: &[u8], size: u64) -> Option<(usize, usize)> {
    let fields = LittleEndian(header);
    let (width, height) = (fields.u32(16).ok()?, fields.u32(12).ok()?);
    let (width, height) = dimensions::check(width.into(), height.into()).ok()?;
    (fields.u32(4).ok()? == GREY8 && size == HEADER_BYTES + (width * height) as u64).then_some((width, height))
}

/// Display intensities of the samples of a B-scan.
pub(crate) fn intensity(samples: &[u8]) -> Vec<f32> {
    samples.as_chunks::<2>().0.iter().map(|&b| display_intensity(reflectivity(u16::from_le_bytes(b)))).collect()
}

/// Reflectivity of a sample with six bits of exponent, ten of mantissa and no sign: 1 if the exponent is full,
/// `FLT_MAX` for samples that were not acquired.
fn reflectivity(sample: u16) -> f32 {
    let (exponent, mantissa) = (u32::from(sample >> 10), u32::from(sample & 0x3ff));
    match (exponent, mantissa) {
        (0, _) => mantissa as f32 * (-72_f32).exp2(),
        (63, 1..) => f32::MAX,
        _ => f32::from_bits((exponent + 64) << 23 | mantissa << 13),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn samples_are_unsigned_floats() {
        let is = |sample, value: f32| (reflectivity(sample) - value).abs() <= value * 1e-6;
        assert!(is(0, 0.0) && is(0xfc00, 1.0) && is(62 << 10, 0.5) && is(63 << 10 | 1, f32::MAX));
        assert!(is(0xffff, f32::MAX) && is(1 << 10, (-62_f32).exp2()) && is(0x3ff, (-62_f32).exp2() * 1023.0 / 1024.0));
        assert!(is(62 << 10 | 0x200, 0.75) && is(62 << 10 | 1, 0.5 + 0.5 / 1024.0));
        let all: Vec<f32> = (0..=0xfc00).map(reflectivity).collect();
        assert!(all.is_sorted() && all.windows(2).all(|w| w[0] < w[1]), "more is brighter");
        assert_eq!(intensity(&[0xff, 0xff, 0, 0xfc]), [0.0, 1.0]);
    }

    /// The one complete B-scan in a file whose directories are cut off.
    #[test]
    fn real_bscan_is_read() {
        let Some(data) = octrls_testing::real_data("real_bscan_is_read") else { return };
        let file = std::fs::read(data.join("formats/heidelberg_e2e/e2e_minimized.E2E")).unwrap();
        let kind = file.windows(4).position(|w| w == FLOAT16.to_le_bytes()).unwrap();
        let chunk = &file[kind - 4..];
        let total = LittleEndian(chunk).u32(0).unwrap() as usize;
        assert_eq!(dimensions(&chunk[..20], total as u64).unwrap(), (512, 496));
        let samples = &chunk[20..total];
        let shown = intensity(samples);
        let share = shown.iter().filter(|&&v| v == 0.0).count() as f32 / shown.len() as f32;
        assert!((share - 0.39).abs() < 0.01, "{share} of the samples are black");
        assert_eq!(shown.iter().filter(|&&v| v >= 1.0).count(), 1);

        // Some readers reverse the bits of the mantissa, which makes the image rougher.
        let reversed = |sample: u16| sample & 0xfc00 | (sample & 0x3ff).reverse_bits() >> 6;
        let reversed: Vec<u8> =
            samples.chunks(2).flat_map(|b| reversed(u16::from_le_bytes([b[0], b[1]])).to_le_bytes()).collect();
        let roughness = |image: Vec<f32>| image.windows(2).map(|w| (w[0] - w[1]).abs()).sum::<f32>();
        assert!(roughness(shown) < 0.96 * roughness(intensity(&reversed)));
    }
}
