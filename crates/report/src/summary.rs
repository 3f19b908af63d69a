//! What the rest of the program learns of a finished scan.

use std::{path::PathBuf, time::Duration};

use octrls_core::{
    layer::LAYERS,
    measure::{EtdrsSummary, NoRetina, ThicknessUnit, Verdict},
    scan::Eye,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_retina: Option<NoRetina>,
    /// Letters of the OSCAR-IB criteria that are not met; empty if all are.
    pub flags: String,
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

fn to_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn from_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}
