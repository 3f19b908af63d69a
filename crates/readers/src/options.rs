//! What the operator states about scans.

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
}
