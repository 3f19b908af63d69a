//! Opens scans: recognises the format by content and chooses the reader.

use std::path::{Path, PathBuf};

use image::ImageFormat;
use octrls_core::scan::Provenance;
use octrls_fs::within::Within;

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
    sidecar::{self, Hints, StatedFacts},
    sized_file::SizedFile,
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
    /// Whether the scan is a folder: one volume, whatever series the options choose.
    folder: bool,
    /// Values from the sidecar. A DICOM series uses the sidecar of the file that names it.
    hints: Hints,
    /// Where its files may be opened.
    within: Within,
    content: Content,
}

/// What the files hold. The list of series in an `.E2E` file is read once for all of its readers.
enum Content {
    Bioptigen(SizedFile),
    Cirrus(SizedFile),
    Dicom(SizedFile),
    DicomSeries(Vec<PathBuf>),
    HeidelbergE2e(E2eFile),
    HeidelbergXml(SizedFile),
    HeidelbergVol(SizedFile),
    ImageFolder(Vec<PathBuf>),
    Raster(SizedFile, ImageFormat),
    Topcon(SizedFile),
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
        let hints = sidecar::read(path, files.within())?;
        let folder = files.instances().is_empty() && path.is_dir();
        let content = match files.instances() {
            [] if folder => Content::of_folder(path, files.within())?,
            [] => Content::of_file(path, files.within())?,
            instances => Content::DicomSeries(instances.to_vec()),
        };
        Ok(Self { folder, hints, within: files.within().clone(), content })
    }

    /// Number of series of B-scans, each its own scan; one for any format except `.E2E`.
    #[must_use]
    pub fn series_count(&self) -> u32 {
        match &self.content {
            Content::HeidelbergE2e(file) => file.series_count(),
            _ => 1,
        }
    }

    /// What a person states about the eye.
    #[must_use]
    pub const fn stated(&self) -> StatedFacts {
        self.hints.stated
    }

    /// A reader of the scan, or of the series that `options` choose.
    ///
    /// # Errors
    /// [`ReadError`] as for [`open`].
    pub fn reader(&self, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
        let mut hints = self.hints;
        hints.fill_from(options, Provenance::Operator)?;
        let hints = &hints;
        let count = self.series_count();
        let missing = |&number: &u32| !self.folder && (number == 0 || number > count);
        if let Some(number) = options.series.filter(missing) {
            return Err(ReadError::NoSuchSeries { number, count: count as usize });
        }
        Ok(match &self.content {
            Content::HeidelbergE2e(file) => Box::new(HeidelbergE2e::open(file, hints, options)?),
            Content::Bioptigen(file) => Box::new(Bioptigen::open(file.clone(), hints)?),
            Content::Cirrus(file) => Box::new(Cirrus::open(file.clone(), hints, options.raw)?),
            Content::Dicom(file) => Box::new(DicomFile::open(file.clone(), hints, options.allow_missing)?),
            Content::DicomSeries(instances) if is_concatenation(instances, &self.within) => {
                Box::new(DicomFile::open_parts(instances, &self.within, hints, options.allow_missing)?)
            }
            Content::DicomSeries(instances) => Box::new(DicomSeries::open(instances, &self.within, hints)?),
            Content::HeidelbergXml(file) => Box::new(HeidelbergXml::open(file, hints, options.allow_missing)?),
            Content::HeidelbergVol(file) => Box::new(HeidelbergVol::open(file.clone(), hints)?),
            Content::ImageFolder(images) => Box::new(ImageFolder::open(images.clone(), &self.within, hints)?),
            Content::Raster(file, format) => Box::new(Raster::open(file.clone(), *format, hints)?),
            Content::Topcon(file) => Box::new(Topcon::open(file.clone(), hints)?),
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
    fn of_folder(path: &Path, within: &Within) -> Result<Self, ReadError> {
        Ok(match VolumeFolder::read(path, within)? {
            VolumeFolder::Images(images) => Self::ImageFolder(images),
            VolumeFolder::Instances(instances) => Self::DicomSeries(instances),
        })
    }

    /// The content of a file, which stays open: what is read later is what was looked at.
    fn of_file(path: &Path, within: &Within) -> Result<Self, ReadError> {
        let file = SizedFile::open(path, within)?;
        let start = file.start()?;
        Ok(if E2eFile::recognises(&start) {
            Self::HeidelbergE2e(E2eFile::open(file)?)
        } else if dicom::recognises(&start) {
            Self::Dicom(file)
        } else if HeidelbergVol::recognises(&start) {
            Self::HeidelbergVol(file)
        } else if Bioptigen::recognises(&start) {
            Self::Bioptigen(file)
        } else if Topcon::recognises(&start) {
            Self::Topcon(file)
        } else if HeidelbergXml::recognises(&start) {
            Self::HeidelbergXml(file)
        } else if Cirrus::recognises(path, file.length()) {
            Self::Cirrus(file)
        } else {
            match raster::format(&start) {
                Ok(format) => Self::Raster(file, format),
                Err(_) if Cirrus::may_be_nameless(path) => Self::Cirrus(file),
                Err(_) => Self::Unknown,
            }
        })
    }
}

/// Whether the files of a DICOM scan are parts of a concatenation, and not B-scans of a series.
fn is_concatenation(files: &[PathBuf], within: &Within) -> bool {
    let key = files.first().and_then(|file| dicom::series_key_within(file, within).ok().flatten());
    key.is_some_and(|key| key.is_concatenation())
}

/// The files that belong to the scan at `path` and are no scans themselves: the images of an export folder.
#[must_use]
pub fn parts(path: &Path) -> ExportParts {
    parts_within(path, &Within::anywhere())
}

/// As [`parts`], of a file that is opened `within` what may be opened.
#[must_use]
pub fn parts_within(path: &Path, within: &Within) -> ExportParts {
    match SizedFile::open(path, within) {
        Ok(file) if file.start().is_ok_and(|start| HeidelbergXml::recognises(&start)) => ExportParts::of(&file),
        _ => ExportParts::none(),
    }
}
