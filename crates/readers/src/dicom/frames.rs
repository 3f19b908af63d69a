//! Pixels of DICOM frames.

use std::{borrow::Cow, fs::File};

use dicom_dictionary_std::uids;
use dicom_encoding::{
    adapters::{PixelDataObject, RawPixelData},
    transfer_syntax::TransferSyntaxIndex,
};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use octrls_core::scan::BScan;

use super::{
    data_set::{DataSet, Fragments},
    errors::{obfuscated, of_parser},
    layout::Layout,
};
use crate::{ReadError, codec::j2k};

/// A retired transfer syntax that old archives still contain.
const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// First bytes of JPEG 2000 data, as a codestream or as a file.
const J2K: [&[u8]; 2] = [b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "];

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
            let fragments = data_set.read_fragments()?;
            data_set.check_rest()?;
            Data::Compressed(joined(fragments, layout.count)?)
        } else {
            // Stops before uncompressed pixels. Compressed ones count as missing: the transfer syntax declares none.
            data_set.check_rest()?;
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
