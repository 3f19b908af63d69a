//! What the rest of the program learns of a finished scan.

use std::{path::PathBuf, time::Duration};

use octrls_core::{
    layer::LAYERS,
    lesion::Lesion,
    measure::{EtdrsSummary, FindingKind, NoRetina, ThicknessUnit, Verdict},
    scan::{Eye, Note},
    serde_path,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// Summary of a finished scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanSummary {
    /// Number of series with results in the file. If there are several, each has its own folder.
    pub series: u32,
    /// Number of B-scans, over all series.
    pub bscans: usize,
    /// Which eye, if known.
    pub eye: Option<Eye>,
    /// Unit of the thicknesses.
    pub unit: ThicknessUnit,
    /// Mean thickness of each layer over all B-scans, in the order of `Layer::ALL`.
    pub mean_thickness: [Option<f32>; LAYERS],
    /// Thickness by ETDRS sector, for a volume with known B-scan positions.
    pub etdrs: Option<EtdrsSummary>,
    /// Whether the results can be trusted.
    pub verdict: Verdict,
    /// Why it shows no retina.
    #[serde(default)]
    pub no_retina: Option<NoRetina>,
    /// Letters of the OSCAR-IB criteria that are not met; empty if all are.
    pub flags: String,
    /// What a person should look at, over all B-scans: lesions by class, then absent layers, then the disc.
    #[serde(default)]
    pub findings: Vec<FindingKind>,
    /// The lesions, by class; empty if there are several series.
    #[serde(default)]
    pub lesions: Vec<LesionSummary>,
    /// What reader and measures have to say about the scan.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Mean confidence, 0 to 1.
    pub confidence: f32,
    /// Change since the previous visit as text, if there is one to compare with.
    pub follow_up: Option<String>,
    /// Folder with the results.
    #[serde(with = "serde_path")]
    pub out: PathBuf,
    /// Time from the start of processing until the results are on disk.
    #[serde(rename = "seconds", serialize_with = "to_seconds", deserialize_with = "from_seconds")]
    pub elapsed: Duration,
}

/// A lesion over all B-scans.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LesionSummary {
    /// The lesion.
    pub lesion: Lesion,
    /// Number of B-scans that show it.
    pub bscans: usize,
    /// Largest area in a B-scan, in pixels.
    pub area_px: f64,
    /// Largest area in a B-scan, in square millimetres; `None` unless both spacings are known.
    pub area_mm2: Option<f64>,
    /// Least and most of that area: of the pixels that are certain, and of those that are possible.
    pub area_bounds_mm2: Option<[f64; 2]>,
    /// Largest height along an A-scan in micrometres; `None` without an axial spacing.
    pub height_um: Option<f64>,
    /// Volume around the centre; `None` if the scan covers no circle.
    pub volume: Option<CoveredVolume>,
}

/// Volume within a circle around the centre of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoveredVolume {
    /// Diameter of the largest circle that the scan covers: 1, 3, 5 or 6 mm.
    pub diameter_mm: f64,
    /// The volume in nanolitres.
    pub nl: f64,
    /// Least and most of that volume.
    pub bounds_nl: [f64; 2],
}

fn to_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn from_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}
