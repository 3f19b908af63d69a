//! Pixel layout of DICOM frames, and stored values from decoded samples.

use std::io::Cursor;

use super::{
    coding::twelve_bits,
    elements::{number, text},
    intensity::Stored,
};
use crate::{
    ReadError,
    codec::{j2k, jpeg, jpeg_ls},
};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

/// Pixel layout of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) count: usize,
    pub(crate) samples: usize,
    pub(crate) bits: u16,
    pub(crate) stored: u16,
    /// Unused bits below the stored ones.
    shift: u16,
    signed: bool,
    pub(crate) photometric: String,
    planar: bool,
}

/// Photometric interpretations of the standard that are not supported (PS3.3, C.7.6.3.1.2).
const PHOTOMETRIC: [&str; 7] = ["PALETTE COLOR", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "HSV", "ARGB", "CMYK", "XYB"];

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
            other => {
                let known = PHOTOMETRIC.into_iter().find(|known| other == *known).unwrap_or("of an unknown kind");
                return unsupported(format!("the photometric interpretation {known}"));
            }
        };
        if samples != colours {
            return unsupported(format!("{samples} samples per pixel instead of {colours}"));
        }
        if !matches!(bits, 8 | 16) || !(1..=bits).contains(&stored) || (colours == 3 && bits != 8) {
            return unsupported(format!("{stored} of {bits} bits per sample"));
        }
        let high = number(object, tags::HIGH_BIT).unwrap_or(u64::from(stored) - 1);
        let Some(shift) =
            (high + 1).checked_sub(stored.into()).filter(|shift| shift + u64::from(stored) <= bits.into())
        else {
            return unsupported(format!("{stored} stored bits up to bit {high} of {bits}"));
        };
        let signed = number(object, tags::PIXEL_REPRESENTATION).unwrap_or(0) != 0 && samples == 1;
        let planar = number(object, tags::PLANAR_CONFIGURATION).unwrap_or(0) == 1;
        let shift = shift as u16;
        Ok(Self { width, height, count, samples, bits, stored, shift, signed, photometric, planar })
    }

    pub(crate) const fn frame_bytes(&self) -> usize {
        self.width * self.height * self.samples * (self.bits as usize / 8)
    }

    /// Bytes of all frames.
    pub(crate) const fn pixel_bytes(&self) -> u64 {
        (self.frame_bytes() as u64).saturating_mul(self.count as u64)
    }

    /// Whether pixels have one value, which may need a window.
    pub(crate) const fn is_grey(&self) -> bool {
        self.samples == 1
    }

    /// Stored values of a frame of decoded samples, little endian; of colours, the luminance.
    pub(crate) fn stored(&self, bytes: &[u8]) -> Result<Stored, ReadError> {
        let pixels = self.width * self.height;
        if bytes.len() < self.frame_bytes() {
            return Err(ReadError::Truncated(format!(
                "a frame has only {} of {} bytes",
                bytes.len(),
                self.frame_bytes()
            )));
        }
        let values = match (self.samples, self.bits) {
            (1, 8) => bytes[..pixels].iter().map(|&v| self.value(v.into())).collect(),
            (1, _) => {
                let (words, _) = bytes[..2 * pixels].as_chunks::<2>();
                words.iter().map(|&w| self.value(u16::from_le_bytes(w))).collect()
            }
            _ => {
                return Ok(Stored {
                    values: (0..pixels).map(|i| self.luminance(bytes, i)).collect(),
                    possible: (0.0, 1.0),
                });
            }
        };
        Ok(Stored { values, possible: self.possible(self.stored) })
    }

    /// The value in the stored bits of a sample; the other bits may hold anything.
    fn value(&self, sample: u16) -> f32 {
        let bits = u32::from(self.stored);
        let value = (u32::from(sample) >> self.shift) & ((1 << bits) - 1);
        let negative = self.signed && value >> (bits - 1) != 0;
        value as f32 - if negative { (1_u32 << bits) as f32 } else { 0.0 }
    }

    /// The smallest and the largest value of so many bits.
    fn possible(&self, bits: u16) -> (f32, f32) {
        let steps = f32::from(bits).exp2();
        if self.signed { (-0.5 * steps, 0.5 * steps - 1.0) } else { (0.0, steps - 1.0) }
    }

    /// Stored values of a JPEG-LS frame, which must be grey.
    pub(crate) fn jpeg_ls(&self, frame: &[u8]) -> Result<Stored, ReadError> {
        if self.samples != 1 {
            return Err(ReadError::Unsupported("DICOM with colour JPEG-LS".to_owned()));
        }
        let samples = jpeg_ls::decode(frame, self.width, self.height)?;
        if samples.iter().any(|&v| u32::from(v) >> self.bits != 0) {
            return Err(ReadError::Malformed(format!("a JPEG-LS frame with more than {} bits per sample", self.bits)));
        }
        let low = usize::from(self.bits / 8);
        let bytes: Vec<u8> = samples.iter().flat_map(|v| v.to_le_bytes().into_iter().take(low)).collect();
        self.stored(&bytes)
    }

    /// Stored values of a JPEG 2000 frame; of colours, the first component. Its codestream states the depth; the sign may
    /// be stated by the object alone.
    pub(crate) fn jpeg_2000(&self, frame: &[u8]) -> Result<Stored, ReadError> {
        let mut decoded = j2k::samples(frame, self.width, self.height)?;
        let bits = u16::from(decoded.bits);
        let steps = f32::from(bits).exp2();
        if self.samples != 1 {
            let values = decoded.samples.iter().map(|v| (v / (steps - 1.0)).clamp(0.0, 1.0)).collect();
            return Ok(Stored { values, possible: (0.0, 1.0) });
        }
        if self.signed != decoded.signed {
            for value in &mut decoded.samples {
                if self.signed && *value >= 0.5 * steps {
                    *value -= steps;
                } else if !self.signed && *value < 0.0 {
                    *value += steps;
                }
            }
        }
        Ok(Stored { values: decoded.samples, possible: self.possible(bits) })
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
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] for transformed samples of more than 8 bits, which the decoder cannot read.
    pub(crate) fn fits_jpeg(&self, frame: &[u8]) -> Result<bool, ReadError> {
        let Ok(Some(found)) = jpeg::walk(Cursor::new(frame)) else { return Ok(false) };
        jpeg::check_memory(found, frame.len() as u64)?;
        if !found.lossless && found.precision > 8 {
            return Err(twelve_bits());
        }
        Ok((usize::from(found.width), usize::from(found.height)) == (self.width, self.height)
            && usize::from(found.components) == self.samples
            && u16::from(found.precision) <= self.bits)
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
