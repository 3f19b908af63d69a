//! Scans: B-scans, their geometry and its provenance, and the readers of scanner files.
//!
//! [`open`] chooses a reader by content. A [`ScanReader`] then returns one B-scan at a time, so that the intensities of
//! a volume are never all in memory. (DICOM pixels stay in memory as stored in the file, often compressed.)

mod bioptigen;
mod cirrus;
#[cfg(feature = "dicom")]
pub(crate) mod dicom;
mod dimensions;
mod e2e;
mod error;
mod files;
mod folder;
mod fundus;
mod heidelberg;
mod heyex;
mod j2k;
mod jpeg;
mod place;
mod raster;
mod sidecar;
mod source;
mod subject;
mod tiff;
mod topcon;
mod vol;

use std::path::Path;

pub use bioptigen::Bioptigen;
pub use cirrus::Cirrus;
#[cfg(feature = "dicom")]
pub use dicom::{Dicom, DicomOrigin, DicomReference, DicomSeries, FramePlanes};
pub use dimensions::{MAX_PIXELS, MAX_SIDE};
pub use e2e::HeidelbergE2e;
pub use error::ReadError;
pub use files::{ScanFiles, SeriesKey, around, gather, may_be_instance, series_key};
pub use folder::ImageFolder;
#[cfg(feature = "app")]
pub(crate) use folder::{NaturalKey, natural_key};
pub use fundus::FundusImage;
pub use heyex::{ExportParts, HeidelbergExport};
pub use place::{Place, Track};
pub use raster::Raster;
use serde::{Deserialize, Serialize};

use crate::{
    layer::Boundary,
    serial::{StaticStr, fixed},
};
pub use subject::{Moment, Subject};
pub use topcon::Topcon;
pub use vol::HeidelbergVol;

/// One cross-section of the retina. Rows run along the A-scan (axial), columns across A-scans (lateral).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BScan {
    /// Number of A-scans.
    pub width: usize,
    /// Number of samples along an A-scan.
    pub height: usize,
    /// Display intensity, 0 (black) to 1, row-major, `width * height` values, all finite.
    pub intensity: Vec<f32>,
}

/// Source of a fact about a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Stated by the scanner in the file itself.
    Header,
    /// Stated in a `<scan>.toml` beside the file.
    Sidecar,
    /// Stated by the operator on the command line.
    Operator,
    /// Not stated, but the same for every scan of this format.
    Format,
    /// Stated only by the file name.
    Name,
    /// Not stated: taken from other readers of the format or inferred from one sample file.
    Convention,
}

/// A sample spacing in micrometres, and its source.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spacing {
    /// Micrometres from one sample to the next.
    pub um: f64,
    /// Source of the value.
    pub from: Provenance,
}

/// Which eye was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Eye {
    /// Oculus dexter, the right eye.
    #[serde(rename = "OD")]
    Right,
    /// Oculus sinister, the left eye.
    #[serde(rename = "OS")]
    Left,
}

/// Micrometres per millimetre; files state spacings in millimetres.
const MILLIMETRE: f64 = 1000.0;

impl Spacing {
    /// Millimetres from one sample to the next.
    #[must_use]
    pub fn mm(self) -> f64 {
        self.um / MILLIMETRE
    }

    /// A spacing that the scan's own file states in micrometres, if plausible.
    fn of_file(um: f64) -> Option<Self> {
        sidecar::plausible(um).ok().map(|um| Self { um, from: Provenance::Header })
    }
}

impl Eye {
    /// The eye for the abbreviation `OD` or `OS`.
    fn of_code(code: &str) -> Option<Self> {
        match code {
            "OD" => Some(Self::Right),
            "OS" => Some(Self::Left),
            _ => None,
        }
    }

    /// Abbreviation, `OD` or `OS`.
    const fn code(self) -> &'static str {
        match self {
            Self::Right => "OD",
            Self::Left => "OS",
        }
    }

    /// The eye for an English initial or an abbreviation.
    fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "R" => Some(Self::Right),
            "L" => Some(Self::Left),
            other => Self::of_code(other),
        }
    }

    /// The eye that a file name states as a part between underscores, as exporters do for formats that do not state it.
    fn in_name(path: &Path) -> Option<Self> {
        path.file_stem()?.to_str()?.split('_').rev().find_map(Self::of_code)
    }
}

/// Arrangement of the B-scans on the retina.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// One B-scan along a line.
    Line,
    /// Parallel B-scans.
    RasterVolume,
    /// B-scans through a common centre.
    Radial,
    /// One B-scan along a circle, as around the optic disc.
    Circle,
    /// Not stated in the file.
    Unknown,
}

/// Facts about a scan that are known before its pixels are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanHeader {
    /// Name of the file format, such as `PNG` or `Heidelberg VOL`.
    #[serde(with = "fixed")]
    pub format: StaticStr,
    /// Number of B-scans, at least one.
    pub bscans: usize,
    /// A-scans in each B-scan.
    pub width: usize,
    /// Samples along each A-scan.
    pub height: usize,
    /// Spacing along the A-scan; `None` if unknown.
    pub axial: Option<Spacing>,
    /// Spacing from A-scan to A-scan; `None` if unknown.
    pub lateral: Option<Spacing>,
    /// Which eye, if known.
    pub eye: Option<Eye>,
    /// Source of `eye`; `None` if unknown.
    pub eye_from: Option<Provenance>,
    /// Arrangement of the B-scans.
    pub pattern: Pattern,
    /// Source of `pattern`; `None` if unknown.
    pub pattern_from: Option<Provenance>,
    /// Position of each B-scan, in scan order; empty if unknown.
    pub tracks: Vec<Track>,
    /// Source of `tracks`; `None` if unknown.
    pub places: Option<Provenance>,
}

impl ScanHeader {
    /// Adds the positions that a sidecar states, if the file of a volume states none.
    fn placed(self, stated: &sidecar::Stated) -> Self {
        match stated.rows {
            Some(rows) => self.laid(rows, Provenance::Sidecar),
            None => self,
        }
    }

    /// Adds positions to a volume whose B-scans follow each other as in `rows`, if none are known.
    fn laid(self, rows: sidecar::Rows, from: Provenance) -> Self {
        let volume = self.bscans > 1 && matches!(self.pattern, Pattern::RasterVolume | Pattern::Unknown);
        let (true, true, Some(lateral)) = (volume, self.tracks.is_empty(), self.lateral) else { return self };
        let tracks = rows.tracks(self.bscans, lateral.mm() * self.width as f64);
        if tracks.is_empty() {
            return self;
        }
        let pattern_from = self.pattern_from.or(Some(from));
        Self { tracks, pattern: Pattern::RasterVolume, pattern_from, places: Some(from), ..self }
    }

    /// Checks that the scan has a B-scan at `index`.
    fn check_index(&self, index: usize) -> Result<(), ReadError> {
        let count = self.bscans;
        if index < count { Ok(()) } else { Err(ReadError::NoSuchBScan { index, count }) }
    }
}

/// Rows of one boundary in each A-scan; `None` where it was not determined.
pub type BoundaryRows = Vec<Option<f32>>;

/// Reads the B-scans of one scan on demand.
pub trait ScanReader: Send {
    /// Facts about the scan.
    fn header(&self) -> &ScanHeader;

    /// Reads the B-scan at `index`, 0-based, in the size that the header states.
    ///
    /// # Errors
    /// [`ReadError`] when the pixels are missing or broken, or `index` is past the last B-scan.
    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError>;

    /// Boundaries that the scanner found in the B-scan at `index`; empty if the file has none.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_boundaries(&mut self, _index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        Ok(Vec::new())
    }

    /// Signal of the B-scan at `index` in decibels, as the scanner states it.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_signal_db(&mut self, _index: usize) -> Result<Option<f32>, ReadError> {
        Ok(None)
    }

    /// The fundus image, if the file has one.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        Ok(None)
    }

    /// Patient, acquisition time and scanner, if the file states who and when.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(None)
    }

    /// What derived DICOM objects refer to, if the scan is a DICOM object.
    #[cfg(feature = "dicom")]
    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        None
    }
}

/// Operator's statements about scans, and reading options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Axial spacing in micrometres, for files without one.
    pub axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for files without one.
    pub lateral_um: Option<f64>,
    /// Micrometres on the retina per degree, for files with positions in degrees.
    pub um_per_degree: Option<f64>,
    /// Accept an export with missing images, and read the others.
    pub allow_missing: bool,
    /// Series to read from a file that holds several; 1 is the first.
    pub series: Option<u32>,
}

/// Opens a scan. The format is recognised by content, not by name. A folder is a volume of its images, or of the
/// instances of a DICOM series.
///
/// A spacing in the file itself wins over a sidecar (`scan.png.toml`), a sidecar over `options`, and `options` over
/// values that hold for every file of a format.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, is of unknown format, is broken, or exceeds [`MAX_PIXELS`].
pub fn open(path: &Path, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    open_files(&ScanFiles::one(path), options)
}

/// Opens a scan of one or several files, as [`open`] does. A series uses the sidecar of the file that names it.
///
/// # Errors
/// As [`open`].
pub fn open_files(files: &ScanFiles, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    let path = files.path();
    let mut stated = sidecar::read(path)?;
    stated.fill_from(options, Provenance::Operator)?;
    // Only an .E2E file can hold several series.
    let other = options.series.filter(|&n| n != 1).map(|number| ReadError::NoSuchSeries { number, count: 1 });
    #[cfg(feature = "dicom")]
    if !files.instances().is_empty() {
        if let Some(error) = other {
            return Err(error);
        }
        return Ok(Box::new(DicomSeries::open(files.instances(), &stated)?));
    }
    if path.is_dir() {
        #[cfg(feature = "dicom")]
        if let (instances, true) = folder::of_volume(path)? {
            return Ok(Box::new(DicomSeries::open(&instances, &stated)?));
        }
        return Ok(Box::new(ImageFolder::open(path, &stated)?));
    }
    let start = raster::first_bytes(path)?;
    if HeidelbergE2e::recognises(&start) {
        return Ok(Box::new(HeidelbergE2e::open(path, &stated, options)?));
    }
    if let Some(error) = other {
        return Err(error);
    }
    #[cfg(feature = "dicom")]
    if Dicom::recognises(&start) {
        return Ok(Box::new(Dicom::open(path, &stated)?));
    }
    if HeidelbergVol::recognises(&start) {
        Ok(Box::new(HeidelbergVol::open(path, &stated)?))
    } else if Bioptigen::recognises(&start) {
        Ok(Box::new(Bioptigen::open(path, &stated)?))
    } else if Topcon::recognises(&start) {
        Ok(Box::new(Topcon::open(path, &stated)?))
    } else if HeidelbergExport::recognises(&start) {
        Ok(Box::new(HeidelbergExport::open(path, &stated, options.allow_missing)?))
    } else if std::fs::metadata(path).is_ok_and(|m| Cirrus::recognises(path, m.len())) {
        Ok(Box::new(Cirrus::open(path, &stated)?))
    } else {
        Ok(Box::new(Raster::open(path, &start, &stated)?))
    }
}

/// Number of series of B-scans in the file at `path`, each its own scan; one for any format except `.E2E`.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, or its list of series is broken.
pub fn series(path: &Path) -> Result<u32, ReadError> {
    if path.is_dir() || !HeidelbergE2e::recognises(&raster::first_bytes(path)?) {
        return Ok(1);
    }
    HeidelbergE2e::series(path)
}

/// The files that belong to the scan at `path` and are no scans themselves: the images of an export folder.
#[must_use]
pub fn parts(path: &Path) -> ExportParts {
    match raster::first_bytes(path) {
        Ok(start) if HeidelbergExport::recognises(&start) => ExportParts::of(path),
        _ => ExportParts::default(),
    }
}

/// Whether the extension is that of a scan that can consist of several files.
#[must_use]
pub fn may_have_parts(path: &Path) -> bool {
    has_extension(path, &["xml"])
}

/// Whether the extension is one that [`open`] may know; used to skip sidecars and notes.
#[must_use]
pub fn has_scan_extension(path: &Path) -> bool {
    raster::has_extension(path)
        || has_extension(path, &["dcm", "dicom", "e2e", "fda", "fds", "img", "oct", "vol", "xml"])
}

/// Whether the extension is one of `known`, ignoring case.
fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_ascii_lowercase().as_str()))
}
