//! Pixel layout of DICOM frames, and intensities from decoded samples.

use std::io::Cursor;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use octrls_core::scan::BScan;

use super::elements::{number, text};
use crate::{
    ReadError,
    codec::{jpeg, jpeg_ls},
};

/// Pixel layout of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) count: usize,
    pub(crate) samples: usize,
    pub(crate) bits: u16,
    pub(crate) stored: u16,
    pub(crate) photometric: String,
    planar: bool,
}

impl Layout {
    /// The layout of `count` frames of `width` x `height`; an error if it is not supported.
    pub(crate) fn of(object: &InMemDicomObject, width: usize, height: usize, count: usize) -> Result<Self, ReadError> {
        let unsupported = |what: String| Err(ReadError::Unsupported(format!("DICOM with {what}")));
        let samples = number(object, tags::SAMPLES_PER_PIXEL).unwrap_or(1) as usize;
        let bits = number(object, tags::BITS_ALLOCATED).unwrap_or(8) as u16;
        let stored = number(object, tags::BITS_STORED).unwrap_or(bits.into()) as u16;
        let photometric = text(object, tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
        let colours = match photometric.as_str() {
            "MONOCHROME1" | "MONOCHROME2" | "" => 1,
            "RGB" | "YBR_FULL" | "YBR_FULL_422" | "YBR_ICT" | "YBR_RCT" => 3,
            other => return unsupported(format!("the photometric interpretation {other}")),
        };
        if samples != colours {
            return unsupported(format!("{samples} samples per pixel in {photometric}"));
        }
        if !matches!(bits, 8 | 16) || !(1..=bits).contains(&stored) || (colours == 3 && bits != 8) {
            return unsupported(format!("{stored} of {bits} bits per sample"));
        }
        if number(object, tags::PIXEL_REPRESENTATION).unwrap_or(0) != 0 {
            return unsupported("signed pixels".to_owned());
        }
        let planar = number(object, tags::PLANAR_CONFIGURATION).unwrap_or(0) == 1;
        Ok(Self { width, height, count, samples, bits, stored, photometric, planar })
    }

    pub(crate) const fn frame_bytes(&self) -> usize {
        self.width * self.height * self.samples * (self.bits as usize / 8)
    }

    /// Bytes of all frames.
    pub(crate) const fn pixel_bytes(&self) -> u64 {
        (self.frame_bytes() as u64).saturating_mul(self.count as u64)
    }

    /// Display intensities of a frame of decoded samples, little endian.
    pub(crate) fn intensities(&self, bytes: &[u8]) -> Result<BScan, ReadError> {
        let pixels = self.width * self.height;
        if bytes.len() < self.frame_bytes() {
            return Err(ReadError::Truncated(format!(
                "a frame has only {} of {} bytes",
                bytes.len(),
                self.frame_bytes()
            )));
        }
        let max = (f64::from(self.stored).exp2() - 1.0) as f32;
        let grey = |v: u16| (f32::from(v) / max).min(1.0);
        let mut intensity: Vec<f32> = match (self.samples, self.bits) {
            (1, 8) => bytes[..pixels].iter().map(|&v| grey(v.into())).collect(),
            (1, _) => {
                let (words, _) = bytes[..2 * pixels].as_chunks::<2>();
                words.iter().map(|&w| grey(u16::from_le_bytes(w))).collect()
            }
            _ => (0..pixels).map(|i| self.luminance(bytes, i)).collect(),
        };
        self.invert_if_inverse(&mut intensity);
        Ok(BScan { width: self.width, height: self.height, intensity })
    }

    /// Display intensities of a JPEG-LS frame, which must be grey.
    pub(crate) fn jpeg_ls(&self, frame: &[u8]) -> Result<BScan, ReadError> {
        if self.samples != 1 {
            return Err(ReadError::Unsupported("DICOM with colour JPEG-LS".to_owned()));
        }
        let samples = jpeg_ls::decode(frame, self.width, self.height)?;
        if samples.iter().any(|&v| u32::from(v) >> self.bits != 0) {
            return Err(ReadError::Malformed(format!("a JPEG-LS frame with more than {} bits per sample", self.bits)));
        }
        let low = usize::from(self.bits / 8);
        let bytes: Vec<u8> = samples.iter().flat_map(|v| v.to_le_bytes().into_iter().take(low)).collect();
        self.intensities(&bytes)
    }

    /// Inverts grey values if small ones are bright.
    pub(crate) fn invert_if_inverse(&self, intensity: &mut [f32]) {
        if self.photometric == "MONOCHROME1" {
            for v in intensity {
                *v = 1.0 - *v;
            }
        }
    }

    /// Whether an RLE frame has a segment for each byte of a pixel, in its place and long enough (PS3.5, annex G). The
    /// decoder does not check this.
    pub(crate) fn fits_rle(&self, frame: &[u8]) -> bool {
        const HEADER: usize = 64;
        let Some(header) = frame.get(..HEADER) else { return false };
        let (words, _) = header.as_chunks::<4>();
        let offsets: Vec<usize> = words.iter().map(|&w| u32::from_le_bytes(w) as usize).collect();
        let count = self.samples * usize::from(self.bits / 8);
        let Some(segments) = offsets.get(1..=count).filter(|_| offsets[0] == count) else { return false };
        let ends = segments.iter().skip(1).copied().chain([frame.len()]);
        segments.iter().zip(ends).all(|(&start, end)| {
            start >= HEADER && frame.get(start..end).is_some_and(|s| unpacked(s) >= self.width * self.height)
        })
    }

    /// Whether a JPEG frame is complete and of the declared size and colours. The decoder does not check this.
    pub(crate) fn fits_jpeg(&self, frame: &[u8]) -> bool {
        let Ok(Some(found)) = jpeg::walk(Cursor::new(frame)) else { return false };
        (usize::from(found.width), usize::from(found.height)) == (self.width, self.height)
            && usize::from(found.components) == self.samples
            && u16::from(found.precision) <= self.bits
    }

    /// Layout after decoding: interleaved colours, and RGB for JPEG.
    pub(crate) fn decoded(&self, rle: bool) -> Self {
        let photometric = if self.samples == 3 && !rle { "RGB".to_owned() } else { self.photometric.clone() };
        Self { planar: false, photometric, ..self.clone() }
    }

    /// Luminance of a pixel of three 8-bit samples; for luma and chroma, the luma.
    fn luminance(&self, bytes: &[u8], pixel: usize) -> f32 {
        let plane = self.width * self.height;
        let at = |colour: usize| bytes[if self.planar { colour * plane + pixel } else { 3 * pixel + colour }];
        if self.photometric == "RGB" {
            let [r, g, b] = [at(0), at(1), at(2)].map(f32::from);
            (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
        } else {
            f32::from(at(0)) / 255.0
        }
    }
}

/// Bytes that an RLE segment of runs and literals unpacks to.
fn unpacked(segment: &[u8]) -> usize {
    let (mut at, mut bytes) = (0, 0);
    while let Some(&control) = segment.get(at) {
        let (read, written) = match control {
            0..=127 => (1 + usize::from(control), 1 + usize::from(control)),
            128 => (0, 0),
            _ => (1, 257 - usize::from(control)),
        };
        if at + 1 + read > segment.len() {
            break;
        }
        at += 1 + read;
        bytes += written;
    }
    bytes
}
