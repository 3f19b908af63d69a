//! The measurements of a B-scan, small enough to keep after its pixels are dropped.

use serde::{Deserialize, Serialize};

use octrls_core::{
    layer::LAYERS,
    measure::{ThicknessUnit, Verdict},
    segment::SegmentedBScan,
};

/// Thickness of one layer, without its profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerFigures {
    pub(crate) mean: Option<f32>,
    pub(crate) min: Option<f32>,
    pub(crate) max: Option<f32>,
    /// `None` if only the scan's mean is known.
    pub(crate) coverage: Option<f32>,
}

/// The measurements of one B-scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) unit: ThicknessUnit,
    pub(crate) verdict: Verdict,
    pub(crate) confidence: f32,
    pub(crate) layers: [LayerFigures; LAYERS],
}

impl Figures {
    pub(crate) fn of(bscan: &SegmentedBScan) -> Self {
        let layers = std::array::from_fn(|i| {
            let layer = &bscan.thicknesses.layers[i];
            LayerFigures { mean: layer.mean, min: layer.min, max: layer.max, coverage: Some(layer.coverage) }
        });
        Self { unit: bscan.thicknesses.unit, verdict: bscan.verdict(), confidence: bscan.confidence(), layers }
    }
}
