//! The measurements of a B-scan, small enough to keep after its pixels are dropped.

use octrls_core::{
    layer::LAYERS,
    measure::{ChoroidVisibility, FindingKind, LesionFigures, ThicknessUnit, Verdict},
    scan::ScanHeader,
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
    /// Share of the A-scans with a choroid-sclera boundary in which it can be seen.
    pub(crate) choroid_visible: Option<f32>,
    pub(crate) lesions: Vec<LesionFigures>,
    /// What a person should look at, each kind once.
    pub(crate) findings: Vec<FindingKind>,
}

impl BScanMeasurements {
    /// The measurements of `bscan`, without its profiles. Areas and heights of lesions need the spacings of `header`.
    pub(crate) fn of(bscan: &SegmentedBScan, header: Option<&ScanHeader>) -> Self {
        let (axial, lateral) = header.map_or((None, None), |header| (header.axial, header.lateral));
        let mut findings: Vec<_> = bscan.findings(axial, lateral).into_iter().map(|finding| finding.kind).collect();
        findings.dedup();
        let layers = std::array::from_fn(|i| {
            let layer = &bscan.thicknesses.layers[i];
            LayerMeasurements { mean: layer.mean, min: layer.min, max: layer.max, coverage: Some(layer.coverage) }
        });
        Self {
            unit: bscan.thicknesses.unit,
            verdict: bscan.verdict(),
            confidence: bscan.confidence(),
            layers,
            choroid_visible: ChoroidVisibility::of(&bscan.surfaces).share(),
            lesions: bscan.lesion_figures(axial, lateral),
            findings,
        }
    }
}
