//! Scans: what a B-scan is, what is known of its geometry and from where, and the readers of scanner files.
//!
//! [`open`] chooses a reader by content; a [`ScanReader`] then hands out one B-scan at a time, so that the intensities of a
//! volume are never in memory as a whole. (Those of DICOM files are there as the file has them, often compressed.)

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

/// One cross-section of the retina: rows run along the A-scan (axial), columns from A-scan to A-scan (lateral).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BScan {
    /// Number of A-scans.
    pub width: usize,
    /// Number of samples along an A-scan.
    pub height: usize,
    /// Display intensity, 0 (black) to 1, row-major, `width * height` values, all finite.
    pub intensity: Vec<f32>,
}

/// Where a fact about a scan came from.
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
    /// Stated by the file's name alone.
    Name,
    /// Not stated: as other readers of the format have it, or one file at hand shows it.
    Convention,
}

/// A sample spacing in micrometres and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spacing {
    /// Micrometres from one sample to the next.
    pub um: f64,
    /// Who said so.
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

/// Micrometres in a millimetre, in which files state spacings.
const MILLIMETRE: f64 = 1000.0;

impl Spacing {
    /// Millimetres from one sample to the next.
    #[must_use]
    pub fn mm(self) -> f64 {
        self.um / MILLIMETRE
    }

    /// The spacing that a scan's own file states in micrometres, where a scanner can have it.
    fn of_file(um: f64) -> Option<Self> {
        sidecar::plausible(um).ok().map(|um| Self { um, from: Provenance::Header })
    }
}

impl Eye {
    /// The eye of its abbreviation, `OD` or `OS`.
    fn of_code(code: &str) -> Option<Self> {
        match code {
            "OD" => Some(Self::Right),
            "OS" => Some(Self::Left),
            _ => None,
        }
    }

    /// Its abbreviation, `OD` or `OS`.
    const fn code(self) -> &'static str {
        match self {
            Self::Right => "OD",
            Self::Left => "OS",
        }
    }

    /// The eye of its first letter in English, or of its abbreviation.
    fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "R" => Some(Self::Right),
            "L" => Some(Self::Left),
            other => Self::of_code(other),
        }
    }

    /// The eye that the name of a file says, in a part of its own between underscores: formats that do not state it are
    /// named so by their exporters.
    fn in_name(path: &Path) -> Option<Self> {
        path.file_stem()?.to_str()?.split('_').rev().find_map(Self::of_code)
    }
}

/// How the B-scans of a scan lie on the retina.
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
    /// The file does not say.
    Unknown,
}

/// What is known of a scan before its pixels are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanHeader {
    /// Name of the file format, as in `PNG` or `Heidelberg VOL`.
    #[serde(with = "fixed")]
    pub format: StaticStr,
    /// Number of B-scans, at least one.
    pub bscans: usize,
    /// A-scans in each B-scan.
    pub width: usize,
    /// Samples along each A-scan.
    pub height: usize,
    /// Spacing along the A-scan; `None` where nobody stated it.
    pub axial: Option<Spacing>,
    /// Spacing from A-scan to A-scan; `None` where nobody stated it.
    pub lateral: Option<Spacing>,
    /// Which eye, where somebody says.
    pub eye: Option<Eye>,
    /// Who said which eye it is; `None` where nobody did.
    pub eye_from: Option<Provenance>,
    /// How the B-scans lie.
    pub pattern: Pattern,
    /// Who said how they lie; `None` where nobody did.
    pub pattern_from: Option<Provenance>,
    /// Where each B-scan lies, in their order; empty where nobody said.
    pub tracks: Vec<Track>,
    /// Who said where they lie; `None` where nobody did.
    pub places: Option<Provenance>,
}

impl ScanHeader {
    /// The header with the places that a sidecar states, where the file of a volume states none.
    fn placed(self, stated: &sidecar::Stated) -> Self {
        match stated.rows {
            Some(rows) => self.laid(rows, Provenance::Sidecar),
            None => self,
        }
    }

    /// The header of a volume whose B-scans follow each other as `rows` says, where nobody else said how they lie.
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

    /// Whether the scan has a B-scan at `index`.
    fn check_index(&self, index: usize) -> Result<(), ReadError> {
        let count = self.bscans;
        if index < count { Ok(()) } else { Err(ReadError::NoSuchBScan { index, count }) }
    }
}

/// Rows of one boundary in each A-scan; `None` where it was not determined.
pub type BoundaryRows = Vec<Option<f32>>;

/// Hands out the B-scans of one scan, each when it is asked for.
pub trait ScanReader: Send {
    /// What is known of the scan.
    fn header(&self) -> &ScanHeader;

    /// Reads the B-scan at `index`, 0-based; its size is that of the header.
    ///
    /// # Errors
    /// [`ReadError`] when the pixels are missing, broken or `index` is past the last B-scan.
    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError>;

    /// The boundaries that the scanner itself found in the B-scan at `index`; none where it keeps them to itself.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_boundaries(&mut self, _index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        Ok(Vec::new())
    }

    /// The signal of the B-scan at `index` in decibels, as the scanner itself states it.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn device_signal_db(&mut self, _index: usize) -> Result<Option<f32>, ReadError> {
        Ok(None)
    }

    /// The image of the fundus, where the file has one.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        Ok(None)
    }

    /// Whose eye it is and when it was scanned, where the file says both.
    ///
    /// # Errors
    /// As [`ScanReader::bscan`].
    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(None)
    }

    /// What objects made from the scan refer to, where it is a DICOM object.
    #[cfg(feature = "dicom")]
    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        None
    }
}

/// What the operator says of scans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Axial spacing in micrometres, for files that carry none.
    pub axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for files that carry none.
    pub lateral_um: Option<f64>,
    /// Micrometres on the retina to a degree, for files that state places in degrees.
    pub um_per_degree: Option<f64>,
    /// Take an export of which some images are missing, without these.
    pub allow_missing: bool,
    /// Of a file that holds several series of B-scans, the one to take; 1 is the first.
    pub series: Option<u32>,
}

/// Opens a scan: the format is recognised by content, whatever the file's name. A folder is a volume of the images in it, or of the
/// instances of a DICOM series.
///
/// What holds for every file of a format counts last. A spacing in the file itself wins over a sidecar (`scan.png.toml`), and a sidecar over `options`.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, is of no known format, is broken, or is larger than
/// [`MAX_PIXELS`] allows.
pub fn open(path: &Path, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    open_files(&ScanFiles::one(path), options)
}

/// Opens a scan of one or several files as [`open`] does; the sidecar of a series is that of the file it is called by.
///
/// # Errors
/// As [`open`].
pub fn open_files(files: &ScanFiles, options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    let path = files.path();
    let mut stated = sidecar::read(path)?;
    stated.fill_from(options, Provenance::Operator)?;
    // Only an .E2E file has several.
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

/// How many series of B-scans the file at `path` holds, each a scan of its own; one of any format but `.E2E`.
///
/// # Errors
/// [`ReadError`] when the file cannot be read, or what lists its series is broken.
pub fn series(path: &Path) -> Result<u32, ReadError> {
    if path.is_dir() || !HeidelbergE2e::recognises(&raster::first_bytes(path)?) {
        return Ok(1);
    }
    HeidelbergE2e::series(path)
}

/// The files that are no scans of their own but parts of the scan at `path`: the images of an export folder.
#[must_use]
pub fn parts(path: &Path) -> ExportParts {
    match raster::first_bytes(path) {
        Ok(start) if HeidelbergExport::recognises(&start) => ExportParts::of(path),
        _ => ExportParts::default(),
    }
}

/// Whether a file name is one of a scan that consists of several files, by its ending.
#[must_use]
pub fn may_have_parts(path: &Path) -> bool {
    has_extension(path, &["xml"])
}

/// Whether a file name is one that [`open`] may know, by its ending; used to leave sidecars and notes alone.
#[must_use]
pub fn has_scan_extension(path: &Path) -> bool {
    raster::has_extension(path)
        || has_extension(path, &["dcm", "dicom", "e2e", "fda", "fds", "img", "oct", "vol", "xml"])
}

/// Whether the ending of a file name is one of `known`, in whatever case.
fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_ascii_lowercase().as_str()))
}
