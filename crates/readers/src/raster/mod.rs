//! Raster images as scans: PNG, TIFF, JPEG, BMP. Each image, and each page of a TIFF, is one B-scan.
//!
//! A picture that shows a B-scan beside a fundus image, or with captions, gives the B-scan's panel alone; see
//! [`crate::panel`].

mod folder;
mod samples;
mod tiff;
mod tiff_page;

use std::{io::BufReader, path::Path};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, error::LimitErrorKind,
    metadata::Orientation,
};

use octrls_core::scan::{BScan, Crop, Note, Pattern, ScanHeader};
use octrls_fs::within::Within;

pub(crate) use self::folder::ImageFolder;
use self::tiff_page::{Spacings, TiffPage};
use crate::{
    ReadError, ScanReader, budget, codec::jpeg, dimensions, header_ext::HeaderExt as _, panel, sidecar::Hints,
    sized_file::SizedFile,
};

/// Memory limit of a decoder; an 8-bit RGBA frame of the largest size fits.
const DECODER_BYTES: u64 = 4 * dimensions::MAX_PIXELS;
/// Memory limit of what comes before the pixels: colour profiles, texts.
const METADATA_BYTES: u64 = 4 << 20;
/// Memory for each pixel's grey value, in bytes: 16 bits, and a float.
const GREY_BYTES: u64 = 6;

/// A raster image or the pages of a TIFF, each decoded on demand.
pub(crate) struct Raster {
    file: RasterFile,
    header: ScanHeader,
    /// Columns and rows of each picture.
    size: (usize, usize),
    crop: Option<Crop>,
    /// The first B-scan, which was decoded to find its panel.
    first: Option<BScan>,
}

/// An image file and its pages.
struct RasterFile {
    file: SizedFile,
    format: ImageFormat,
    /// The pages of a TIFF that has several.
    pages: Vec<tiff::Directory>,
}

/// A decoded page.
struct Frame {
    /// Columns and rows of the picture.
    size: (usize, usize),
    /// The panel of the B-scan, or the whole picture.
    bscan: BScan,
    crop: Option<Crop>,
    /// Spacing along and across the A-scans.
    spacings: Spacings,
    notes: Vec<Note>,
}

/// Format of the image that begins with `start`.
pub(crate) fn format(start: &[u8]) -> Result<ImageFormat, ReadError> {
    if start.starts_with(b"II+\0") || start.starts_with(b"MM\0+") {
        return Ok(ImageFormat::Tiff);
    }
    match image::guess_format(start) {
        Ok(f @ (ImageFormat::Png | ImageFormat::Tiff | ImageFormat::Jpeg | ImageFormat::Bmp)) => Ok(f),
        _ => Err(ReadError::UnknownFormat),
    }
}

/// The picture in the file at `path`, whatever panels it shows. It is opened `within` what may be opened.
pub(crate) fn picture(path: &Path, within: &Within) -> Result<BScan, ReadError> {
    let file = RasterFile::recognise(path, within)?;
    let (picture, _, _) = file.picture(file.pages.first().copied())?;
    Ok(picture)
}

impl Raster {
    /// Opens an image that is not known to be one yet.
    fn recognise(path: &Path, within: &Within, hints: &Hints) -> Result<Self, ReadError> {
        let file = SizedFile::open(path, within)?;
        let format = format(&file.start()?)?;
        Self::open(file, format, hints)
    }

    pub(crate) fn open(file: SizedFile, format: ImageFormat, hints: &Hints) -> Result<Self, ReadError> {
        let name = match format {
            ImageFormat::Png => "PNG",
            ImageFormat::Tiff => "TIFF",
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::Bmp => "BMP",
            _ => return Err(ReadError::UnknownFormat),
        };
        let file = RasterFile::open(file, format)?;
        let Frame { size, bscan, crop, spacings: (axial, lateral), notes } = file.frame(0)?;
        let (eye, eye_from) = hints.eye_or(None);
        let header = ScanHeader {
            format: name.into(),
            bscans: file.pages.len().max(1),
            width: bscan.width,
            height: bscan.height,
            axial: axial.or(hints.axial),
            lateral: lateral.or(hints.lateral),
            eye,
            eye_from,
            pattern: Pattern::Unknown,
            pattern_from: None,
            tracks: Vec::new(),
            places: None,
            notes,
        };
        let header = header.with_sidecar_layout(hints);
        Ok(Self { file, header, size, crop, first: Some(bscan) })
    }
}

impl ScanReader for Raster {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        if let Some(first) = self.first.take_if(|_| index == 0) {
            return Ok(first);
        }
        let (picture, _, _) = self.file.picture(self.file.pages.get(index).copied())?;
        if (picture.width, picture.height) != self.size {
            return Err(ReadError::Malformed("pages of different sizes".to_owned()));
        }
        panel::same_panel_of(picture, self.crop)
    }

    fn crop(&self) -> Option<Crop> {
        self.crop
    }
}

impl RasterFile {
    /// Opens an image that is not known to be one yet.
    fn recognise(path: &Path, within: &Within) -> Result<Self, ReadError> {
        let file = SizedFile::open(path, within)?;
        let format = format(&file.start()?)?;
        Self::open(file, format)
    }

    fn open(file: SizedFile, format: ImageFormat) -> Result<Self, ReadError> {
        let pages = match format {
            ImageFormat::Tiff => tiff::pages(BufReader::new(file.clone())).map_err(|e| io_error(file.path(), e))?,
            _ => Vec::new(),
        };
        Ok(Self { file, format, pages })
    }

    /// Width and height of the first page, upright.
    fn size(&self) -> Result<(u32, u32), ReadError> {
        let page = self.pages.first().copied();
        if self.format == ImageFormat::Tiff {
            return TiffPage::open(self.bytes(page), false)?.size();
        }
        let mut decoder = self.decoder(page)?;
        let (width, height) = decoder.dimensions();
        dimensions::check(width.into(), height.into())?;
        let turned = decoder.orientation().is_ok_and(swaps_sides);
        Ok(if turned { (height, width) } else { (width, height) })
    }

    /// Decodes a page and finds its B-scan.
    fn frame(&self, index: usize) -> Result<Frame, ReadError> {
        let page = self.pages.get(index).copied();
        let (picture, spacings, mut notes) = self.picture(page)?;
        let size = (picture.width, picture.height);
        let (bscan, crop) = panel::bscan_of(picture)?;
        notes.extend(crop.map(Note::PanelOfPicture));
        Ok(Frame { size, bscan, crop, spacings, notes })
    }

    /// The whole picture of a page, upright.
    fn picture(&self, page: Option<tiff::Directory>) -> Result<(BScan, Spacings, Vec<Note>), ReadError> {
        let mut spacings = (None, None);
        if self.format == ImageFormat::Tiff {
            let palette = page.is_some_and(tiff::Directory::has_palette);
            let mut tags = TiffPage::open(self.bytes(page), palette)?;
            spacings = tags.spacings();
            if !tags.is_common() {
                return Ok((tags.bscan(self.file.length())?, spacings, Vec::new()));
            }
        }
        let error = |e| read_error(self.file.path(), e);
        let mut decoder = self.decoder(page)?;
        let (width, height) = decoder.dimensions();
        dimensions::check(width.into(), height.into())?;
        let pixels = u64::from(width) * u64::from(height);
        let sample_bytes = decoder.total_bytes().div_ceil(pixels);
        budget::check_picture(pixels, self.file.length(), sample_bytes + GREY_BYTES)?;
        decoder.set_limits(memory_of(DECODER_BYTES)).map_err(error)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(error)?;
        if (image.width(), image.height()) != (width, height) {
            return Err(ReadError::Malformed("the frame differs from its declared size".to_owned()));
        }
        let mut notes = Vec::new();
        if orientation != Orientation::NoTransforms {
            image.apply_orientation(orientation);
            notes.push(Note::PictureTurned);
            if swaps_sides(orientation) {
                spacings = (spacings.1, spacings.0);
            }
        }
        let (bscan, note) = samples::of_image(&image);
        notes.extend(note);
        Ok((bscan, spacings, notes))
    }

    /// A decoder of a page that has read what comes before the pixels.
    fn decoder(&self, page: Option<tiff::Directory>) -> Result<impl ImageDecoder, ReadError> {
        if self.format == ImageFormat::Jpeg {
            // The decoder reads the whole file into memory.
            let bytes = self.file.length();
            budget::check_memory(bytes)?;
            let frame = jpeg::walk(BufReader::new(self.file.clone())).map_err(|e| io_error(self.file.path(), e))?;
            if let Some(frame) = frame {
                jpeg::check_memory(frame, bytes)?;
            }
        }
        let mut reader = ImageReader::with_format(self.bytes(page), self.format);
        reader.limits(memory_of(METADATA_BYTES));
        reader.into_decoder().map_err(|e| read_error(self.file.path(), e))
    }

    fn bytes(&self, page: Option<tiff::Directory>) -> BufReader<tiff::Page<SizedFile>> {
        BufReader::new(tiff::Page::new(self.file.clone(), page))
    }
}

/// Limits to `bytes` of memory.
fn memory_of(bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

/// Whether columns become rows.
const fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn read_error(path: &Path, error: ImageError) -> ReadError {
    match error {
        ImageError::IoError(e) => io_error(path, e),
        ImageError::Unsupported(e) => ReadError::Unsupported(e.to_string()),
        ImageError::Limits(e) if matches!(e.kind(), LimitErrorKind::InsufficientMemory) => {
            ReadError::Unsupported("the image needs too much memory".to_owned())
        }
        // The decoders' words may quote the file.
        _ => ReadError::Malformed("the image contradicts itself".to_owned()),
    }
}

/// Decoders also report broken content as `io::Error`; only errors of the operating system carry a number.
fn io_error(path: &Path, error: std::io::Error) -> ReadError {
    match error {
        e if e.kind() == std::io::ErrorKind::UnexpectedEof => ReadError::Truncated("the image ends early".to_owned()),
        source if source.raw_os_error().is_some() => ReadError::Io { path: path.to_owned(), source },
        _ => ReadError::Malformed("the image contradicts itself".to_owned()),
    }
}
