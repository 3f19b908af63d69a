//! Pixels of DICOM frames.

use std::{borrow::Cow, sync::OnceLock};

use dicom_encoding::{
    adapters::{PixelDataObject, RawPixelData},
    transfer_syntax::TransferSyntaxIndex,
};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use octrls_core::scan::BScan;

use super::{
    coding::{Coding, unsupported_syntax},
    data_set::DataSet,
    errors::{obfuscated, of_parser},
    intensity::{Intensity, Shown, Stored},
    layout::Layout,
    source::{Source, inflate},
};
use crate::{ReadError, budget};

/// Frames of a scan whose values decide how all are shown.
const LOOKED_AT: usize = 8;

/// Pixels of all frames as stored in the file.
pub(crate) struct Frames {
    layout: Layout,
    intensity: Intensity,
    syntax: String,
    coding: Coding,
    data: Data,
}

enum Data {
    /// All frames, one after the other.
    Native(Vec<u8>),
    /// The compressed bytes of each frame.
    Compressed(Vec<Vec<u8>>),
}

impl Frames {
    /// Reads the pixels of `data_set`, which was read up to them, and checks the rest. `offsets` are those of the frames
    /// in an extended offset table; empty if there is none.
    pub(crate) fn read(
        data_set: &mut DataSet<Source>,
        layout: Layout,
        intensity: Intensity,
        offsets: Vec<u64>,
    ) -> Result<Self, ReadError> {
        let syntax = data_set.syntax().to_owned();
        let coding = match Coding::of(&syntax) {
            Ok(coding) => coding,
            Err(error) => return Err(data_set.check_rest().err().unwrap_or(error)),
        };
        let data = if let Coding::Native { big_endian } = coding {
            // Stops before uncompressed pixels. Compressed ones count as missing: the transfer syntax declares none.
            data_set.check_rest()?;
            let (expected, bytes) = (layout.pixel_bytes(), data_set.file_bytes());
            if expected > bytes {
                return Err(ReadError::Truncated(format!("{expected} pixel bytes declared, but the file has {bytes}")));
            }
            budget::check_memory(expected)?;
            let mut pixels = data_set.read_pixels()?;
            if (pixels.len() as u64) < expected {
                return Err(ReadError::Truncated(format!("only {} of {expected} pixel bytes present", pixels.len())));
            }
            if big_endian && layout.bits == 16 {
                pixels.chunks_exact_mut(2).for_each(<[u8]>::reverse);
            }
            Data::Native(pixels)
        } else {
            let mut fragments = data_set.read_fragments()?;
            data_set.check_rest()?;
            if fragments.offsets.is_empty() {
                fragments.offsets = offsets;
            }
            Data::Compressed(fragments.into_frames(layout.count, coding)?)
        };
        let frames = Self { layout, intensity, syntax, coding, data };
        frames.refuse()?;
        Ok(frames)
    }

    /// The stored values of a frame.
    fn stored(&self, index: usize) -> Result<Stored, ReadError> {
        let layout = &self.layout;
        let frames = match &self.data {
            Data::Native(pixels) => {
                let size = layout.frame_bytes();
                return layout.stored(&pixels[index * size..(index + 1) * size]);
            }
            Data::Compressed(frames) => frames,
        };
        let frame = &frames[index];
        match self.coding {
            Coding::Native { .. } | Coding::Encapsulated => layout.stored(frame),
            Coding::Deflated => {
                layout.stored(&inflate(frame.as_slice(), frame.len() as u64, layout.frame_bytes() as u64)?)
            }
            Coding::Jpeg2000 => layout.jpeg_2000(frame),
            Coding::JpegLs => layout.jpeg_ls(frame),
            Coding::Rle | Coding::Jpeg => {
                let rle = self.coding == Coding::Rle;
                let fits = if rle { layout.fits_rle(frame) } else { layout.fits_jpeg(frame)? };
                if !fits {
                    let problem = format!("frame {index} is incomplete or differs from its declaration");
                    return Err(ReadError::Malformed(problem));
                }
                let reader = TransferSyntaxRegistry.get(&self.syntax).and_then(|s| s.pixel_data_reader());
                let reader = reader.ok_or_else(|| unsupported_syntax(&self.syntax))?;
                let frame = Frame { layout, syntax: &self.syntax, bytes: frame };
                let mut pixels = Vec::new();
                reader.decode_frame(&frame, 0, &mut pixels).map_err(|e| of_parser(&e))?;
                layout.decoded(rle).stored(&pixels)
            }
        }
    }

    /// Rejects scrambled JPEG 2000, which lacks the first bytes of the format, and JPEG that cannot be decoded.
    fn refuse(&self) -> Result<(), ReadError> {
        let Data::Compressed(frames) = &self.data else { return Ok(()) };
        let Some(first) = frames.first() else { return Ok(()) };
        match self.coding {
            Coding::Jpeg2000 if self.coding.begins(first) == Some(false) => Err(obfuscated()),
            Coding::Jpeg => self.layout.fits_jpeg(first).map(drop),
            _ => Ok(()),
        }
    }
}

/// The frames of a scan, in the order of its objects.
pub(crate) struct ScanFrames {
    parts: Vec<Frames>,
    /// How values are shown; found with the first frame that is decoded.
    shown: OnceLock<Shown>,
}

impl ScanFrames {
    pub(crate) const fn of(parts: Vec<Frames>) -> Self {
        Self { parts, shown: OnceLock::new() }
    }

    pub(crate) fn decode(&self, index: usize) -> Result<BScan, ReadError> {
        let count = self.count();
        let (part, frame) = self.find(index).ok_or(ReadError::NoSuchBScan { index, count })?;
        let stored = part.stored(frame)?;
        let (width, height) = (part.layout.width, part.layout.height);
        let intensity = if part.layout.is_grey() {
            let shown = *self.shown.get_or_init(|| self.look_at(index, (part, frame, &stored)));
            part.intensity.display(frame, &stored.values, shown)
        } else {
            stored.values
        };
        Ok(BScan { width, height, intensity })
    }

    /// Number of frames.
    fn count(&self) -> usize {
        self.parts.iter().map(|part| part.layout.count).sum()
    }

    /// The object that holds the frame `index` of the scan, and the frame's number in it.
    fn find(&self, index: usize) -> Option<(&Frames, usize)> {
        let mut frame = index;
        for part in &self.parts {
            if frame < part.layout.count {
                return Some((part, frame));
            }
            frame -= part.layout.count;
        }
        None
    }

    /// How the values of the scan are shown, from those of some frames; those of frame `index` are at hand.
    fn look_at(&self, index: usize, (part, frame, stored): (&Frames, usize, &Stored)) -> Shown {
        let count = self.count();
        let some = count.min(LOOKED_AT);
        let others = (0..some).map(|i| i * (count - 1) / (some - 1).max(1)).filter(|&other| other != index);
        // A broken frame is reported when it is asked for.
        let read = |other| {
            let (part, frame) = self.find(other).filter(|(part, _)| part.layout.is_grey())?;
            Some((part, frame, part.stored(frame).ok()?))
        };
        let others: Vec<_> = others.filter_map(read).collect();
        let others = others.iter().map(|(part, frame, stored)| (&part.intensity, *frame, stored));
        let all: Vec<_> = std::iter::once((&part.intensity, frame, stored)).chain(others).collect();
        Intensity::shown(&all)
    }
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
