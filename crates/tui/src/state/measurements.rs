//! The measurements of a B-scan, small enough to keep after its pixels are dropped.

use octrls_core::{
    layer::LAYERS,
    measure::{ThicknessUnit, Verdict},
    segment::SegmentedBScan,
};
use serde::{Deserialize, Serialize};

/// Thickness of one layer, without its profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerMeasurements {
    pub(crate) mean: Option<f32>,
    pub(crate) min: Option<f32>,
    pub(crate) max: Option<f32>,
    /// `None` if only the scan's mean is known.
    pub(crate) coverage: Option<f32>,
}

/// The measurements of one B-scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BScanMeasurements {
    pub(crate) unit: ThicknessUnit,
    pub(crate) verdict: Verdict,
    pub(crate) confidence: f32,
    pub(crate) layers: [LayerMeasurements; LAYERS],
}

impl BScanMeasurements {
    /// The measurements of `bscan`, without its profiles.
    pub(crate) fn of(bscan: &SegmentedBScan) -> Self {
        let layers = std::array::from_fn(|i| {
            let layer = &bscan.thicknesses.layers[i];
            LayerMeasurements { mean: layer.mean, min: layer.min, max: layer.max, coverage: Some(layer.coverage) }
        });
        Self { unit: bscan.thicknesses.unit, verdict: bscan.verdict(), confidence: bscan.confidence(), layers }
    }
}
