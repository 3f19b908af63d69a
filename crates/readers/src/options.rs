//! What the operator states about scans.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

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
    /// Content of raw files whose names do not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawScan>,
}

/// Sizes of a raw file without a header, `cirrus:512x128`: A-scans and B-scans of a Zeiss Cirrus export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawScan {
    /// A-scans of each B-scan.
    pub ascans: u32,
    /// B-scans.
    pub bscans: u32,
}

impl FromStr for RawScan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected cirrus:ASCANSxBSCANS, as in cirrus:512x128";
        let (ascans, bscans) = text.strip_prefix("cirrus:").and_then(|s| s.split_once('x')).ok_or(EXPECTED)?;
        let number = |s: &str| s.parse().ok().filter(|v| (1..=4096).contains(v)).ok_or(EXPECTED);
        Ok(Self { ascans: number(ascans)?, bscans: number(bscans)? })
    }
}

impl fmt::Display for RawScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cirrus:{}x{}", self.ascans, self.bscans)
    }
}
