//! What a scan is: its pixels, what is known of its geometry, and from where.

mod place;
pub mod subject;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::serial::{StaticStr, fixed};
pub use place::{Place, Track};
pub use subject::{Moment, Subject, latin};

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
pub const MILLIMETRE: f64 = 1000.0;

impl Spacing {
    /// Millimetres from one sample to the next.
    #[must_use]
    pub fn mm(self) -> f64 {
        self.um / MILLIMETRE
    }

    /// The spacing that a scan's own file states in micrometres, where a scanner can have it.
    pub fn of_file(um: f64) -> Option<Self> {
        plausible(um).ok().map(|um| Self { um, from: Provenance::Header })
    }
}

impl Eye {
    /// The eye of its abbreviation, `OD` or `OS`.
    pub fn of_code(code: &str) -> Option<Self> {
        match code {
            "OD" => Some(Self::Right),
            "OS" => Some(Self::Left),
            _ => None,
        }
    }

    /// Its abbreviation, `OD` or `OS`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Right => "OD",
            Self::Left => "OS",
        }
    }

    /// The eye of its first letter in English, or of its abbreviation.
    pub fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "R" => Some(Self::Right),
            "L" => Some(Self::Left),
            other => Self::of_code(other),
        }
    }

    /// The eye that the name of a file says, in a part of its own between underscores: formats that do not state it are
    /// named so by their exporters.
    pub fn in_name(path: &Path) -> Option<Self> {
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

/// Rows of one boundary in each A-scan; `None` where it was not determined.
pub type BoundaryRows = Vec<Option<f32>>;

/// Accepts spacings that a retinal scanner can have, 0.1 to 500 um.
///
/// # Errors
/// The reason, in words.
pub fn plausible(um: f64) -> Result<f64, String> {
    if (0.1..=500.0).contains(&um) { Ok(um) } else { Err(format!("a spacing of {um} um is not one of a retinal scan")) }
}
