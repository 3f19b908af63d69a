//! Raster images as scans: PNG, TIFF (8 and 16 bit), JPEG, BMP. Each image, and each page of a TIFF, is one B-scan.

mod folder;
mod tiff;

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, error::LimitErrorKind};

use octrls_core::scan::{BScan, Pattern, ScanHeader};

pub(crate) use self::folder::ImageFolder;
use crate::{
    ReadError, ScanReader, codec::jpeg, dimensions, header_ext::HeaderExt as _, sidecar::Hints, sniff::first_bytes,
};

/// Memory limit of a decoder; a 16-bit RGBA frame of the largest size fits.
const DECODER_BYTES: u64 = 8 * dimensions::MAX_PIXELS;

/// A raster image or the pages of a TIFF, each decoded on demand.
pub(crate) struct Raster {
    path: PathBuf,
    format: ImageFormat,
    /// The pages of a TIFF that has several.
    pages: Vec<tiff::Directory>,
    header: ScanHeader,
}

/// Format of the image that begins with `start`.
pub(crate) fn format(start: &[u8]) -> Result<ImageFormat, ReadError> {
    match image::guess_format(start) {
        Ok(f @ (ImageFormat::Png | ImageFormat::Tiff | ImageFormat::Jpeg | ImageFormat::Bmp)) => Ok(f),
        _ => Err(ReadError::UnknownFormat),
    }
}

impl Raster {
    /// Opens an image that is not known to be one yet.
    pub(crate) fn recognise(path: &Path, hints: &Hints) -> Result<Self, ReadError> {
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
        let pages = match format {
            ImageFormat::Tiff => tiff::pages(BufReader::new(open_file(path)?)).map_err(|e| io_error(path, e))?,
            _ => Vec::new(),
        };
        let first = pages.first().copied();
        let (width, height) = reader(path, format, first)?.into_dimensions().map_err(|e| read_error(path, e))?;
        let (width, height) = dimensions::check(width.into(), height.into())?;
        let (eye, eye_from) = hints.eye_or(None);
        let header = ScanHeader {
            format: name.into(),
            bscans: pages.len().max(1),
            width,
            height,
            axial: hints.axial,
            lateral: hints.lateral,
            eye,
            eye_from,
            pattern: Pattern::Unknown,
            pattern_from: None,
            tracks: Vec::new(),
            places: None,
            notes: Vec::new(),
        };
        let header = header.with_sidecar_layout(hints);
        Ok(Self { path: path.to_owned(), format, pages, header })
    }
}

impl ScanReader for Raster {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let page = self.pages.get(index).copied();
        let mut limits = Limits::default();
        limits.max_alloc = Some(DECODER_BYTES);
        let mut decoder =
            reader(&self.path, self.format, page)?.into_decoder().map_err(|e| read_error(&self.path, e))?;
        decoder.set_limits(limits).map_err(|e| read_error(&self.path, e))?;
        let image = DynamicImage::from_decoder(decoder).map_err(|e| read_error(&self.path, e))?;
        let bscan = from_image(&image);
        if (bscan.width, bscan.height) != (self.header.width, self.header.height) {
            let problem = if self.header.bscans > 1 {
                "pages of different sizes"
            } else {
                "the frame differs from its declared size"
            };
            return Err(ReadError::Malformed(problem.to_owned()));
        }
        Ok(bscan)
    }
}

/// Intensities of an image: grey values unchanged, colours as luminance, alpha ignored.
fn from_image(image: &DynamicImage) -> BScan {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let intensity = match image {
        DynamicImage::ImageLuma8(grey) => grey.as_raw().iter().map(|&v| f32::from(v) / 255.0).collect(),
        other => other.to_luma16().as_raw().iter().map(|&v| f32::from(v) / 65_535.0).collect(),
    };
    BScan { width, height, intensity }
}

fn reader(
    path: &Path,
    format: ImageFormat,
    page: Option<tiff::Directory>,
) -> Result<ImageReader<BufReader<tiff::Page<File>>>, ReadError> {
    if format == ImageFormat::Jpeg {
        jpeg::walk(BufReader::new(open_file(path)?)).map_err(|e| io_error(path, e))?;
    }
    Ok(ImageReader::with_format(BufReader::new(tiff::Page::new(open_file(path)?, page)), format))
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
