//! What a scan is: its pixels, what is known of its geometry, and from where.

mod note;
mod panels;
mod place;
mod settings;
pub mod subject;

use std::{borrow::Cow, path::Path};

use serde::{Deserialize, Serialize};

pub use note::{AXIAL_UM, LATERAL_UM, Note, RETINA_UM};
pub use panels::{Crop, Layout, layout};
pub use place::{BScanPosition, Place};
pub use settings::ScanSettings;
pub use subject::{Acquisition, Clock, Moment, Subject, latin};

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
    /// Not stated: a usual value for any eye. Never compared with a reference group or between visits.
    Default,
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
pub const MILLIMETRE: f64 = 1000.0;

impl Spacing {
    /// Millimetres from one sample to the next.
    #[must_use]
    pub fn mm(self) -> f64 {
        self.um / MILLIMETRE
    }

    /// A spacing that the scan's own file states in micrometres, if plausible.
    #[must_use]
    pub fn of_file(um: f64) -> Option<Self> {
        plausible(um).ok().map(|um| Self { um, from: Provenance::Header })
    }
}

impl Eye {
    /// The eye for the abbreviation `OD` or `OS`.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        match code {
            "OD" => Some(Self::Right),
            "OS" => Some(Self::Left),
            _ => None,
        }
    }

    /// Abbreviation, `OD` or `OS`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Right => "OD",
            Self::Left => "OS",
        }
    }

    /// The eye for an English initial or an abbreviation.
    #[must_use]
    pub fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "R" => Some(Self::Right),
            "L" => Some(Self::Left),
            other => Self::of_code(other),
        }
    }

    /// The eye that a file name states as a part between underscores, as exporters do for formats that do not state it.
    pub fn in_name(path: &Path) -> Option<Self> {
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
    pub format: Cow<'static, str>,
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
    pub tracks: Vec<BScanPosition>,
    /// Source of `tracks`; `None` if unknown.
    pub places: Option<Provenance>,
    /// What the reader has to say about the scan.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// Rows of one boundary in each A-scan; `None` where it was not determined.
pub type BoundaryRows = Vec<Option<f32>>;

/// Accepts spacings that a retinal scan can have, 0.1 to 500 um.
///
/// # Errors
/// The reason, in words.
pub fn plausible(um: f64) -> Result<f64, String> {
    if (0.1..=500.0).contains(&um) { Ok(um) } else { Err(format!("a spacing of {um} um is outside 0.1 to 500")) }
}
