//! One page of a TIFF whose samples `image` does not convert, and the spacing that its tags state.

use std::io::BufReader;

use octrls_core::scan::{BScan, Spacing};
use tiff::{
    ColorType, TiffError,
    decoder::{Decoder, DecodingResult, Limits, ifd::Value},
    tags::{SampleFormat, Tag},
};

use super::{DECODER_BYTES, samples, tiff::Page};
use crate::{ReadError, budget, dimensions, sized_file::SizedFile, xml};

/// Memory for each sample's value, in bytes: as double and as grey value.
const VALUE_BYTES: u64 = 12;

/// Spacing along and across the A-scans.
pub(super) type Spacings = (Option<Spacing>, Option<Spacing>);

/// Largest spacings in micrometres that are taken from a page's resolution. A resolution for print, such as 300 dpi, is
/// much coarser than a scan.
const COARSEST_UM: (f64, f64) = (15.0, 100.0);
/// Finest spacing that is taken from a page's resolution, in micrometres.
const FINEST_UM: f64 = 0.5;

/// A page of a TIFF, read tag by tag.
pub(super) struct TiffPage {
    decoder: Decoder<BufReader<Page<SizedFile>>>,
    palette: bool,
}

impl TiffPage {
    /// Opens the page that `file` presents. `palette`: its samples are indices.
    pub(super) fn open(file: BufReader<Page<SizedFile>>, palette: bool) -> Result<Self, ReadError> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = DECODER_BYTES as usize;
        limits.intermediate_buffer_size = DECODER_BYTES as usize;
        let decoder = Decoder::new(file).map_err(tiff_error)?.with_limits(limits);
        Ok(Self { decoder, palette })
    }

    /// Width and height.
    pub(super) fn size(&mut self) -> Result<(u32, u32), ReadError> {
        let (width, height) = self.decoder.dimensions().map_err(tiff_error)?;
        dimensions::check(width.into(), height.into())?;
        Ok(if self.orientation() > 4 { (height, width) } else { (width, height) })
    }

    /// How rows and columns lie, 1 to 8; above 4, rows are columns.
    fn orientation(&mut self) -> u16 {
        self.decoder.find_tag_unsigned(Tag::Orientation).ok().flatten().unwrap_or(1)
    }

    /// Whether `image` converts the samples of this page.
    pub(super) fn is_common(&mut self) -> bool {
        let unsigned = match self.decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat) {
            Ok(Some(formats)) => formats.iter().all(|&f| f == SampleFormat::Uint.to_u16()),
            Ok(None) => true,
            Err(_) => false,
        };
        // What is no grey image is left to `image`, also to refuse.
        let grey = match self.decoder.colortype() {
            Ok(ColorType::Gray(bits)) => matches!(bits, 1 | 8 | 16) && unsigned,
            _ => true,
        };
        !self.palette && grey
    }

    /// Decodes the samples of a page, in a file of `file_bytes` bytes, that is not [common](Self::is_common).
    pub(super) fn bscan(&mut self, file_bytes: u64) -> Result<BScan, ReadError> {
        let (width, height) = self.decoder.dimensions().map_err(tiff_error)?;
        let (width, height) = dimensions::check(width.into(), height.into())?;
        if self.orientation() != 1 {
            return Err(ReadError::Unsupported("a turned TIFF of floats, signed samples or a palette".to_owned()));
        }
        let bits = match self.decoder.colortype().map_err(tiff_error)? {
            ColorType::Gray(bits) => bits,
            other => return Err(ReadError::Unsupported(format!("a TIFF of the kind {other:?}"))),
        };
        let sample_bytes = u64::from(bits).div_ceil(8);
        budget::check_picture((width * height) as u64, file_bytes, sample_bytes + VALUE_BYTES)?;
        let colours = if self.palette { Some(self.palette_luminance()?) } else { None };
        let samples = self.decoder.read_image().map_err(tiff_error)?;
        let values: Vec<f64> = match samples {
            DecodingResult::U8(v) if bits < 8 => unpack(&v, bits, width),
            DecodingResult::U8(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::U16(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::U32(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::U64(v) => v.into_iter().map(|v| v as f64).collect(),
            DecodingResult::F16(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::F32(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::F64(v) => v,
            DecodingResult::I8(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::I16(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::I32(v) => v.into_iter().map(f64::from).collect(),
            DecodingResult::I64(v) => v.into_iter().map(|v| v as f64).collect(),
        };
        if values.len() != width * height {
            return Err(ReadError::Truncated("the page has too few samples".to_owned()));
        }
        let intensity = match colours {
            Some(colours) => {
                let colour = |&index: &f64| colours.get(index as usize).copied().unwrap_or_default();
                values.iter().map(colour).collect()
            }
            None => samples::of_range(&values),
        };
        Ok(BScan { width, height, intensity })
    }

    /// Luminance of each colour of the palette, 0 to 1. The tag holds all reds, then all greens, then all blues.
    fn palette_luminance(&mut self) -> Result<Vec<f32>, ReadError> {
        let colours = self.decoder.find_tag_unsigned_vec::<u16>(Tag::ColorMap).map_err(tiff_error)?;
        let colours = colours.ok_or_else(|| ReadError::Malformed("a palette image without a palette".to_owned()))?;
        let count = colours.len() / 3;
        // The weights of BT.709, as `image` uses for RGB.
        let part = |i: usize, weight: f32| f32::from(colours[i]) / 65_535.0 * weight;
        let luminance = |i: usize| {
            let sum = part(i, 0.2126) + part(count + i, 0.7152) + part(2 * count + i, 0.0722);
            sum.min(1.0)
        };
        Ok((0..count).map(luminance).collect())
    }

    /// The spacing of rows and columns, from `ImageJ`, OME or the resolution tags.
    pub(super) fn spacings(&mut self) -> Spacings {
        let text = self.decoder.find_tag(Tag::ImageDescription).ok().flatten().and_then(|v| v.into_string().ok());
        let text = text.unwrap_or_default();
        let of_file = |um: Option<f64>| um.and_then(Spacing::of_file);
        if let Some(ome) = ome_um(&text) {
            return (of_file(ome.1), of_file(ome.0));
        }
        let unit = self.decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok().flatten();
        let image_j = text.starts_with("ImageJ=");
        let unit_um = if image_j { image_j_unit(&text) } else { unit.and_then(resolution_unit) };
        let Some(unit_um) = unit_um else { return (None, None) };
        let mut um = |tag| match self.decoder.find_tag(tag) {
            Ok(Some(Value::Rational(pixels, units))) if pixels > 0 => {
                Some(unit_um * f64::from(units) / f64::from(pixels))
            }
            _ => None,
        };
        let (across, down) = (um(Tag::XResolution), um(Tag::YResolution));
        match (down, across) {
            (Some(down), Some(across))
                if image_j
                    || (FINEST_UM..COARSEST_UM.0).contains(&down) && (FINEST_UM..COARSEST_UM.1).contains(&across) =>
            {
                (of_file(Some(down)), of_file(Some(across)))
            }
            _ => (None, None),
        }
    }
}

/// Micrometres per unit of length of an `ImageJ` description; `None` if it is in pixels or another unit.
fn image_j_unit(text: &str) -> Option<f64> {
    let unit = text.lines().find_map(|line| line.strip_prefix("unit="))?;
    unit_um(unit.trim())
}

/// Micrometres per unit of length.
fn unit_um(unit: &str) -> Option<f64> {
    match unit {
        "micron" | "microns" | "um" | "\u{b5}m" | "\u{3bc}m" | "\\u00B5m" | "micrometer" | "micrometre" => Some(1.0),
        "nm" | "nanometer" => Some(1e-3),
        "mm" | "millimeter" | "millimetre" => Some(1e3),
        "cm" | "centimeter" => Some(1e4),
        "inch" | "inches" => Some(25_400.0),
        _ => None,
    }
}

/// Micrometres per unit of the resolution tags.
const fn resolution_unit(unit: u16) -> Option<f64> {
    match unit {
        2 => Some(25_400.0),
        3 => Some(1e4),
        _ => None,
    }
}

/// `PhysicalSizeX` and `PhysicalSizeY` of an OME description, in micrometres; `None` if it is no OME.
fn ome_um(text: &str) -> Option<(Option<f64>, Option<f64>)> {
    if !text.contains("<OME") {
        return None;
    }
    let document = xml::parse(text).ok()?;
    let pixels = document.descendants().find(|n| n.tag_name().name() == "Pixels")?;
    let size = |name: &str, unit: &str| {
        let value: f64 = pixels.attribute(name)?.parse().ok()?;
        Some(value * unit_um(pixels.attribute(unit).unwrap_or("um"))?)
    };
    Some((size("PhysicalSizeX", "PhysicalSizeXUnit"), size("PhysicalSizeY", "PhysicalSizeYUnit")))
}

/// Samples of fewer than 8 bits, packed into bytes, each row from a new byte.
fn unpack(packed: &[u8], bits: u8, width: usize) -> Vec<f64> {
    let bits = usize::from(bits).max(1);
    let row_bytes = (width * bits).div_ceil(8);
    let sample = |row: &[u8], x: usize| {
        let at = x * bits;
        f64::from((row[at / 8] >> (8 - bits - at % 8)) & ((1_u16 << bits) - 1) as u8)
    };
    packed.chunks_exact(row_bytes).flat_map(|row| (0..width).map(move |x| sample(row, x))).collect()
}

fn tiff_error(error: TiffError) -> ReadError {
    match error {
        TiffError::UnsupportedError(e) => ReadError::Unsupported(e.to_string()),
        TiffError::LimitsExceeded => ReadError::Unsupported("the image needs too much memory".to_owned()),
        TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            ReadError::Truncated("the image ends early".to_owned())
        }
        _ => ReadError::Malformed("the TIFF contradicts itself".to_owned()),
    }
}
