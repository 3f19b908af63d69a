//! Pixels of DICOM frames.

use std::{borrow::Cow, fs::File, io::Cursor};

use dicom_dictionary_std::{tags, uids};
use dicom_encoding::{
    adapters::{PixelDataObject, RawPixelData},
    transfer_syntax::TransferSyntaxIndex,
};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use octrls_core::scan::BScan;

use super::{
    data_set::{DataSet, Fragments},
    elements::{number, text},
    errors::{obfuscated, of_parser},
};
use crate::{
    ReadError,
    codec::{j2k, jpeg, jpeg_ls},
};

/// A retired transfer syntax that old archives still contain.
const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// First bytes of JPEG 2000 data, as a codestream or as a file.
const J2K: [&[u8]; 2] = [b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "];

/// Pixel layout of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    width: usize,
    height: usize,
    count: usize,
    samples: usize,
    bits: u16,
    stored: u16,
    photometric: String,
    planar: bool,
}

impl Layout {
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

    const fn frame_bytes(&self) -> usize {
        self.width * self.height * self.samples * (self.bits as usize / 8)
    }

    /// Bytes of all frames.
    const fn pixel_bytes(&self) -> u64 {
        (self.frame_bytes() as u64).saturating_mul(self.count as u64)
    }

    /// Display intensities of a frame of decoded samples, little endian.
    fn intensities(&self, bytes: &[u8]) -> Result<BScan, ReadError> {
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
    fn jpeg_ls(&self, frame: &[u8]) -> Result<BScan, ReadError> {
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
    fn invert_if_inverse(&self, intensity: &mut [f32]) {
        if self.photometric == "MONOCHROME1" {
            for v in intensity {
                *v = 1.0 - *v;
            }
        }
    }

    /// Whether an RLE frame has a segment for each byte of a pixel, in its place and long enough (PS3.5, annex G). The
    /// decoder does not check this.
    fn fits_rle(&self, frame: &[u8]) -> bool {
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
    fn fits_jpeg(&self, frame: &[u8]) -> bool {
        let Ok(Some(found)) = jpeg::walk(Cursor::new(frame)) else { return false };
        (usize::from(found.width), usize::from(found.height)) == (self.width, self.height)
            && usize::from(found.components) == self.samples
            && u16::from(found.precision) <= self.bits
    }

    /// Layout after decoding: interleaved colours, and RGB for JPEG.
    fn decoded(&self, rle: bool) -> Self {
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

/// Pixels of all frames as stored in the file.
pub(crate) struct Frames {
    layout: Layout,
    syntax: String,
    data: Data,
}

enum Data {
    /// All frames, one after the other.
    Native(Vec<u8>),
    /// The compressed bytes of each frame.
    Compressed(Vec<Vec<u8>>),
}

impl Frames {
    /// Reads the pixels of `data_set`, which was read up to them, and checks the rest.
    pub(crate) fn read(data_set: &mut DataSet<File>, layout: Layout) -> Result<Self, ReadError> {
        let data = if data_set.is_compressed() {
            Data::Compressed(joined(data_set.read_fragments()?, layout.count)?)
        } else {
            let (expected, bytes) = (layout.pixel_bytes(), data_set.file_bytes());
            if expected > bytes {
                return Err(ReadError::Truncated(format!("{expected} pixel bytes declared, but the file has {bytes}")));
            }
            let mut pixels = data_set.read_pixels()?;
            if (pixels.len() as u64) < expected {
                return Err(ReadError::Truncated(format!("only {} of {expected} pixel bytes present", pixels.len())));
            }
            if data_set.syntax() == EXPLICIT_BIG_ENDIAN && layout.bits == 16 {
                pixels.chunks_exact_mut(2).for_each(<[u8]>::reverse);
            }
            Data::Native(pixels)
        };
        let frames = Self { layout, syntax: data_set.syntax().to_owned(), data };
        frames.refuse_obfuscated()?;
        if data_set.is_compressed() {
            data_set.check_rest()?;
        }
        Ok(frames)
    }

    pub(crate) fn decode(&self, index: usize) -> Result<BScan, ReadError> {
        match &self.data {
            Data::Native(pixels) => {
                let size = self.layout.frame_bytes();
                self.layout.intensities(&pixels[index * size..(index + 1) * size])
            }
            Data::Compressed(frames) if self.is_jpeg_2000() => {
                let mut bscan = j2k::decode(&frames[index], self.layout.width, self.layout.height)?;
                self.layout.invert_if_inverse(&mut bscan.intensity);
                Ok(bscan)
            }
            Data::Compressed(frames) if self.is_jpeg_ls() => self.layout.jpeg_ls(&frames[index]),
            Data::Compressed(frames) => {
                let reader = TransferSyntaxRegistry.get(&self.syntax).and_then(|s| s.pixel_data_reader());
                let reader = reader.ok_or_else(|| {
                    ReadError::Unsupported(format!("DICOM pixels with transfer syntax {}", self.syntax))
                })?;
                let rle = self.syntax == uids::RLE_LOSSLESS;
                let fits =
                    if rle { self.layout.fits_rle(&frames[index]) } else { self.layout.fits_jpeg(&frames[index]) };
                if !fits {
                    let problem = format!("frame {index} is incomplete or differs from its declaration");
                    return Err(ReadError::Malformed(problem));
                }
                let frame = Frame { layout: &self.layout, syntax: &self.syntax, bytes: &frames[index] };
                let mut pixels = Vec::new();
                reader.decode_frame(&frame, 0, &mut pixels).map_err(|e| of_parser(&e))?;
                self.layout.decoded(rle).intensities(&pixels)
            }
        }
    }

    fn is_jpeg_2000(&self) -> bool {
        [uids::JPEG2000_LOSSLESS, uids::JPEG2000].contains(&self.syntax.as_str())
    }

    fn is_jpeg_ls(&self) -> bool {
        [uids::JPEGLS_LOSSLESS, uids::JPEGLS_NEAR_LOSSLESS].contains(&self.syntax.as_str())
    }

    /// Rejects scrambled JPEG 2000, which lacks the first bytes of the format.
    fn refuse_obfuscated(&self) -> Result<(), ReadError> {
        match &self.data {
            Data::Compressed(frames) if self.is_jpeg_2000() => {
                let begins = |frame: &Vec<u8>| J2K.iter().any(|magic| frame.starts_with(magic));
                if frames.first().is_none_or(begins) { Ok(()) } else { Err(obfuscated()) }
            }
            _ => Ok(()),
        }
    }
}

/// The compressed bytes of each of `count` frames: one fragment each, or fragments joined by the offset table.
fn joined(Fragments { offsets, fragments }: Fragments, count: usize) -> Result<Vec<Vec<u8>>, ReadError> {
    if fragments.len() == count {
        return Ok(fragments);
    }
    if count == 1 && !fragments.is_empty() {
        return Ok(vec![fragments.concat()]);
    }
    if offsets.len() != count || fragments.len() < count {
        return Err(ReadError::Malformed(format!("{} pixel fragments for {count} frames", fragments.len())));
    }
    let mut frames = vec![Vec::new(); count];
    let mut next = 0_u32;
    for fragment in fragments {
        let start = next;
        // Offsets count the tag and the length of each fragment.
        next = next.wrapping_add(fragment.len() as u32).wrapping_add(8);
        let frame = offsets.partition_point(|&o| o <= start).saturating_sub(1);
        frames[frame].extend(fragment);
    }
    Ok(frames)
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

/// One frame in the form that the decoders expect.
struct Frame<'a> {
    layout: &'a Layout,
    syntax: &'a str,
    bytes: &'a [u8],
}

impl PixelDataObject for Frame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        self.syntax
    }

    fn rows(&self) -> Option<u16> {
        u16::try_from(self.layout.height).ok()
    }

    fn cols(&self) -> Option<u16> {
        u16::try_from(self.layout.width).ok()
    }

    fn samples_per_pixel(&self) -> Option<u16> {
        u16::try_from(self.layout.samples).ok()
    }

    fn bits_allocated(&self) -> Option<u16> {
        Some(self.layout.bits)
    }

    fn bits_stored(&self) -> Option<u16> {
        Some(self.layout.stored)
    }

    fn photometric_interpretation(&self) -> Option<&str> {
        Some(&self.layout.photometric)
    }

    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }

    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }

    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.bytes))
    }

    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        Some(Cow::Borrowed(&[]))
    }

    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        let fragments = std::iter::once(self.bytes.to_vec()).collect();
        Some(RawPixelData { fragments, offset_table: std::iter::empty().collect() })
    }
}
