//! Raster images as scans: PNG, TIFF, JPEG, BMP. Each image, and each page of a TIFF, is one B-scan.
//!
//! A picture that shows a B-scan beside a fundus image, or with captions, gives the B-scan's panel alone; see
//! [`octrls_core::scan::layout`].

mod folder;
mod samples;
mod tiff;
mod tiff_page;

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, error::LimitErrorKind,
    metadata::Orientation,
};

use octrls_core::scan::{BScan, Crop, Layout, Pattern, ScanHeader, layout};

pub(crate) use self::folder::ImageFolder;
use self::tiff_page::{Spacings, TiffPage};
use crate::{
    ReadError, ScanReader, codec::jpeg, dimensions, header_ext::HeaderExt as _, sidecar::Hints, sniff::first_bytes,
};

/// Memory limit of a decoder; a 16-bit RGBA frame of the largest size fits.
const DECODER_BYTES: u64 = 8 * dimensions::MAX_PIXELS;

/// A raster image or the pages of a TIFF, each decoded on demand.
pub(crate) struct Raster {
    file: RasterFile,
    header: ScanHeader,
    crop: Option<Crop>,
    notes: Vec<String>,
    /// The first B-scan, which was decoded to find its panel.
    first: Option<BScan>,
}

/// An image file and its pages.
struct RasterFile {
    path: PathBuf,
    format: ImageFormat,
    /// The pages of a TIFF that has several.
    pages: Vec<tiff::Directory>,
}

/// A decoded page.
struct Frame {
    /// The panel of the B-scan, or the whole picture.
    bscan: BScan,
    crop: Option<Crop>,
    /// Spacing along and across the A-scans.
    spacings: Spacings,
    notes: Vec<String>,
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

/// The picture in the file at `path`, whatever panels it shows.
pub(crate) fn picture(path: &Path) -> Result<BScan, ReadError> {
    let file = RasterFile::recognise(path)?;
    let (picture, _, _) = file.picture(file.pages.first().copied())?;
    Ok(picture)
}

impl Raster {
    /// Opens an image that is not known to be one yet.
    fn recognise(path: &Path, hints: &Hints) -> Result<Self, ReadError> {
        Self::open(path, format(&first_bytes(path)?)?, hints)
    }

    pub(crate) fn open(path: &Path, format: ImageFormat, hints: &Hints) -> Result<Self, ReadError> {
        let name = match format {
            ImageFormat::Png => "PNG",
            ImageFormat::Tiff => "TIFF",
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::Bmp => "BMP",
            _ => return Err(ReadError::UnknownFormat),
        };
        let file = RasterFile::open(path, format)?;
        let Frame { bscan, crop, spacings: (axial, lateral), notes } = file.frame(0)?;
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
            notes: Vec::new(),
        };
        let header = header.with_sidecar_layout(hints);
        Ok(Self { file, header, crop, notes, first: Some(bscan) })
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
        let frame = self.file.frame(index)?;
        if (frame.bscan.width, frame.bscan.height) != (self.header.width, self.header.height) {
            return Err(ReadError::Malformed("pages of different sizes".to_owned()));
        }
        if frame.crop != self.crop {
            return Err(ReadError::Composite("its pages show their B-scans in different places".to_owned()));
        }
        Ok(frame.bscan)
    }

    fn crop(&self) -> Option<Crop> {
        self.crop
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

impl RasterFile {
    /// Opens an image that is not known to be one yet.
    fn recognise(path: &Path) -> Result<Self, ReadError> {
        Self::open(path, format(&first_bytes(path)?)?)
    }

    fn open(path: &Path, format: ImageFormat) -> Result<Self, ReadError> {
        let pages = match format {
            ImageFormat::Tiff => tiff::pages(BufReader::new(open_file(path)?)).map_err(|e| io_error(path, e))?,
            _ => Vec::new(),
        };
        Ok(Self { path: path.to_owned(), format, pages })
    }

    /// Width and height of the first page, upright.
    fn size(&self) -> Result<(u32, u32), ReadError> {
        let page = self.pages.first().copied();
        if self.format == ImageFormat::Tiff {
            return TiffPage::open(self.bytes(page)?, false)?.size();
        }
        let reader = ImageReader::with_format(self.bytes(page)?, self.format);
        let mut decoder = reader.into_decoder().map_err(|e| read_error(&self.path, e))?;
        let (width, height) = decoder.dimensions();
        dimensions::check(width.into(), height.into())?;
        let turned = decoder.orientation().is_ok_and(swaps_sides);
        Ok(if turned { (height, width) } else { (width, height) })
    }

    /// Decodes a page and finds its B-scan.
    fn frame(&self, index: usize) -> Result<Frame, ReadError> {
        let page = self.pages.get(index).copied();
        let (bscan, spacings, mut notes) = self.picture(page)?;
        match layout(&bscan) {
            Layout::Whole => Ok(Frame { bscan, crop: None, spacings, notes }),
            Layout::Unclear => Err(ReadError::Composite("none of its panels is clearly a B-scan".to_owned())),
            Layout::Panel(crop) => {
                let Crop { left, top, width, height } = crop;
                notes.push(format!(
                    "only the B-scan's panel of the picture is used: {width} x {height} pixels at column {left}, row {top}"
                ));
                Ok(Frame { bscan: crop.of(&bscan), crop: Some(crop), spacings, notes })
            }
        }
    }

    /// The whole picture of a page, upright.
    fn picture(&self, page: Option<tiff::Directory>) -> Result<(BScan, Spacings, Vec<String>), ReadError> {
        let mut spacings = (None, None);
        if self.format == ImageFormat::Tiff {
            let palette = page.is_some_and(tiff::Directory::has_palette);
            let mut tags = TiffPage::open(self.bytes(page)?, palette)?;
            spacings = tags.spacings();
            if !tags.is_common() {
                return Ok((tags.bscan()?, spacings, Vec::new()));
            }
        }
        if self.format == ImageFormat::Jpeg {
            jpeg::walk(BufReader::new(open_file(&self.path)?)).map_err(|e| io_error(&self.path, e))?;
        }
        let error = |e| read_error(&self.path, e);
        let reader = ImageReader::with_format(self.bytes(page)?, self.format);
        let mut decoder = reader.into_decoder().map_err(error)?;
        let (width, height) = decoder.dimensions();
        dimensions::check(width.into(), height.into())?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(DECODER_BYTES);
        decoder.set_limits(limits).map_err(error)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(error)?;
        if (image.width(), image.height()) != (width, height) {
            return Err(ReadError::Malformed("the frame differs from its declared size".to_owned()));
        }
        let mut notes = Vec::new();
        if orientation != Orientation::NoTransforms {
            image.apply_orientation(orientation);
            notes.push("the picture is turned as its orientation tag states".to_owned());
            if swaps_sides(orientation) {
                spacings = (spacings.1, spacings.0);
            }
        }
        let (bscan, note) = samples::of_image(&image);
        notes.extend(note);
        Ok((bscan, spacings, notes))
    }

    fn bytes(&self, page: Option<tiff::Directory>) -> Result<BufReader<tiff::Page<File>>, ReadError> {
        Ok(BufReader::new(tiff::Page::new(open_file(&self.path)?, page)))
    }
}

/// Whether columns become rows.
const fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn open_file(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })
}

fn read_error(path: &Path, error: ImageError) -> ReadError {
    match error {
        ImageError::IoError(e) => io_error(path, e),
        ImageError::Unsupported(e) => ReadError::Unsupported(e.to_string()),
        ImageError::Limits(e) if matches!(e.kind(), LimitErrorKind::InsufficientMemory) => {
            ReadError::Unsupported("the image needs too much memory".to_owned())
        }
        other => ReadError::Malformed(other.to_string()),
    }
}

/// Decoders also report broken content as `io::Error`; only errors of the operating system carry a number.
fn io_error(path: &Path, error: std::io::Error) -> ReadError {
    match error {
        e if e.kind() == std::io::ErrorKind::UnexpectedEof => ReadError::Truncated("the image ends early".to_owned()),
        source if source.raw_os_error().is_some() => ReadError::Io { path: path.to_owned(), source },
        e => ReadError::Malformed(e.to_string()),
    }
}
