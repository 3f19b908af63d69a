//! Opens scans: recognises the format by content and chooses the reader.

use std::path::{Path, PathBuf};

use image::ImageFormat;
use octrls_core::scan::Provenance;

use crate::{
    ExportParts, ReadError, ReadOptions, ScanFiles, ScanReader,
    bioptigen::Bioptigen,
    dicom::{self, DicomFile, DicomSeries},
    heidelberg::{
        e2e::{E2eFile, HeidelbergE2e},
        vol::HeidelbergVol,
        xml::HeidelbergXml,
    },
    raster::{self, ImageFolder, Raster},
    sidecar::{self, Hints},
    sniff::first_bytes,
    topcon::Topcon,
    volume_folder::VolumeFolder,
    zeiss::Cirrus,
};

/// Opens a scan. The format is recognised by content, not by name. A folder is a volume of its images, or of the
/// instances of a DICOM series.
///
/// A spacing in the file itself wins over a sidecar (`scan.png.toml`), a sidecar over `options`, and `options` over
/// values that hold for every file of a format.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, is of unknown format, is broken, or exceeds
/// [`MAX_PIXELS`](crate::MAX_PIXELS).
pub fn open(path: &Path, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    OpenedScan::open(&ScanFiles::one(path))?.reader(options)
}

/// A scan whose format was determined. Returns a reader for each of its series.
pub struct OpenedScan {
    path: PathBuf,
    /// Whether the scan is a folder: one volume, whatever series the options choose.
    folder: bool,
    /// Values from the sidecar. A DICOM series uses the sidecar of the file that names it.
    hints: Hints,
    content: Content,
}

/// What the files hold. The list of series in an `.E2E` file is read once for all of its readers.
enum Content {
    Bioptigen,
    Cirrus,
    Dicom,
    DicomSeries(Vec<PathBuf>),
    HeidelbergE2e(E2eFile),
    HeidelbergXml,
    HeidelbergVol,
    ImageFolder(Vec<PathBuf>),
    Raster(ImageFormat),
    Topcon,
    /// No known format. Reported by the reader, after errors in the options.
    Unknown,
}

impl OpenedScan {
    /// Recognises the format of `files`. An unknown format is an error of [`OpenedScan::reader`].
    ///
    /// # Errors
    /// [`ReadError`] when a file cannot be read, or its sidecar or its list of series is broken.
    pub fn open(files: &ScanFiles) -> Result<Self, ReadError> {
        let path = files.path();
        let hints = sidecar::read(path)?;
        let folder = files.instances().is_empty() && path.is_dir();
        let content = match files.instances() {
            [] if folder => Content::of_folder(path)?,
            [] => Content::of_file(path)?,
            instances => Content::DicomSeries(instances.to_vec()),
        };
        Ok(Self { path: path.to_owned(), folder, hints, content })
    }

    /// Number of series of B-scans, each its own scan; one for any format except `.E2E`.
    #[must_use]
    pub fn series_count(&self) -> u32 {
        match &self.content {
            Content::HeidelbergE2e(file) => file.series_count(),
            _ => 1,
        }
    }

    /// A reader of the scan, or of the series that `options` choose.
    ///
    /// # Errors
    /// [`ReadError`] as for [`open`].
    pub fn reader(&self, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
        let mut hints = self.hints;
        hints.fill_from(options, Provenance::Operator)?;
        let (path, hints) = (self.path.as_path(), &hints);
        let count = self.series_count();
        let missing = |&number: &u32| !self.folder && (number == 0 || number > count);
        if let Some(number) = options.series.filter(missing) {
            return Err(ReadError::NoSuchSeries { number, count: count as usize });
        }
        Ok(match &self.content {
            Content::HeidelbergE2e(file) => Box::new(HeidelbergE2e::open(file, hints, options)?),
            Content::Bioptigen => Box::new(Bioptigen::open(path, hints)?),
            Content::Cirrus => Box::new(Cirrus::open(path, hints, options.raw)?),
            Content::Dicom => Box::new(DicomFile::open(path, hints, options.allow_missing)?),
            Content::DicomSeries(instances) if is_concatenation(instances) => {
                Box::new(DicomFile::open_parts(instances, hints, options.allow_missing)?)
            }
            Content::DicomSeries(instances) => Box::new(DicomSeries::open(instances, hints)?),
            Content::HeidelbergXml => Box::new(HeidelbergXml::open(path, hints, options.allow_missing)?),
            Content::HeidelbergVol => Box::new(HeidelbergVol::open(path, hints)?),
            Content::ImageFolder(images) => Box::new(ImageFolder::open(images.clone(), hints)?),
            Content::Raster(format) => Box::new(Raster::open(path, *format, hints)?),
            Content::Topcon => Box::new(Topcon::open(path, hints)?),
            Content::Unknown => return Err(ReadError::UnknownFormat),
        })
    }
}

/// Whether a file that begins with `start` is in a known format.
pub(crate) fn is_known(start: &[u8]) -> bool {
    E2eFile::recognises(start)
        || dicom::recognises(start)
        || HeidelbergVol::recognises(start)
        || Bioptigen::recognises(start)
        || Topcon::recognises(start)
        || HeidelbergXml::recognises(start)
        || raster::format(start).is_ok()
}

impl Content {
    fn of_folder(path: &Path) -> Result<Self, ReadError> {
        Ok(match VolumeFolder::read(path)? {
            VolumeFolder::Images(images) => Self::ImageFolder(images),
            VolumeFolder::Instances(instances) => Self::DicomSeries(instances),
        })
    }

    fn of_file(path: &Path) -> Result<Self, ReadError> {
        let start = first_bytes(path)?;
        Ok(if E2eFile::recognises(&start) {
            Self::HeidelbergE2e(E2eFile::open(path)?)
        } else if dicom::recognises(&start) {
            Self::Dicom
        } else if HeidelbergVol::recognises(&start) {
            Self::HeidelbergVol
        } else if Bioptigen::recognises(&start) {
            Self::Bioptigen
        } else if Topcon::recognises(&start) {
            Self::Topcon
        } else if HeidelbergXml::recognises(&start) {
            Self::HeidelbergXml
        } else if std::fs::metadata(path).is_ok_and(|m| Cirrus::recognises(path, m.len())) {
            Self::Cirrus
        } else {
            match raster::format(&start) {
                Ok(format) => Self::Raster(format),
                Err(_) if Cirrus::may_be_nameless(path) => Self::Cirrus,
                Err(_) => Self::Unknown,
            }
        })
    }
}

/// Whether the files of a DICOM scan are parts of a concatenation, and not B-scans of a series.
fn is_concatenation(files: &[PathBuf]) -> bool {
    let key = files.first().and_then(|file| dicom::series_key(file).ok().flatten());
    key.is_some_and(|key| key.is_concatenation())
}

/// The files that belong to the scan at `path` and are no scans themselves: the images of an export folder.
#[must_use]
pub fn parts(path: &Path) -> ExportParts {
    match first_bytes(path) {
        Ok(start) if HeidelbergXml::recognises(&start) => ExportParts::of(path),
        _ => ExportParts::none(),
    }
}
