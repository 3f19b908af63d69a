//! An evaluation as JSON.

use std::collections::BTreeMap;

use octrls_core::{
    layer::{BOUNDARIES, Boundary, CLASSES, Layer},
    measure::accuracy::{BoundaryError, Overlap},
    network::Network,
};
use serde::Serialize;

use super::{
    disease::{DiseaseReport, DiseaseScore},
    evaluation::{Evaluation, ScanReport},
};
use crate::{
    data::Part,
    score::{Certainty, SetScore, mean_dice, mean_iou},
};

/// Shares of the A-scans to keep, most certain first.
const KEPT: [f64; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

/// The evaluated model.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the file.
    pub file_sha256: String,
    /// Softmax temperature in the file.
    pub temperature: f32,
}

impl ModelReport {
    /// The model of `network`.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        Self {
            name: network.metadata().name.clone(),
            version: network.metadata().version.clone(),
            file_sha256: network.file_sha256().to_owned(),
            temperature: network.metadata().calibration.temperature,
        }
    }
}

/// Accuracy of one boundary.
#[derive(Clone, Debug, Serialize)]
pub struct BoundaryReport {
    /// The boundary.
    pub boundary: &'static str,
    /// Mean absolute error in pixels.
    pub mean_absolute_px: Option<f64>,
    /// Mean absolute error in micrometres, if the spacing is known.
    pub mean_absolute_um: Option<f64>,
    /// Mean signed error in pixels, positive if the model lies deeper.
    pub bias_px: Option<f64>,
    /// Labelled A-scans in which the boundary was determined.
    pub compared: u64,
    /// Labelled A-scans in which the boundary was not determined.
    pub missed: u64,
}

/// Overlap of index masks.
#[derive(Clone, Debug, Serialize)]
pub struct OverlapReport {
    /// Share of labelled pixels with the correct class.
    pub pixel_accuracy: Option<f64>,
    /// Mean IoU of background and the seven layers above the choroid.
    pub mean_iou: Option<f64>,
    /// Mean Dice of these layers.
    pub mean_dice: Option<f64>,
    /// IoU of each labelled class.
    pub iou: BTreeMap<&'static str, f64>,
    /// Dice of each labelled class.
    pub dice: BTreeMap<&'static str, f64>,
}

/// Accuracy on one set.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    /// Number of B-scans.
    pub bscans: usize,
    /// Agreement with the first or only grader.
    #[serde(flatten)]
    pub overlap: OverlapReport,
    /// Agreement of the second grader with the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graders_overlap: Option<OverlapReport>,
    /// Share of labelled rows within 1.96 standard deviations of the model's rows.
    pub coverage_95: Option<f64>,
    /// Choroid, lesions and verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disease: Option<DiseaseReport>,
    /// Error of the most certain A-scans.
    pub risk: Vec<RiskReport>,
    /// Model against the first or only grader.
    pub boundaries: Vec<BoundaryReport>,
    /// Model against the second grader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_grader: Option<Vec<BoundaryReport>>,
    /// Second grader against first grader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_graders: Option<Vec<BoundaryReport>>,
}

/// Accuracy of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The model.
    pub model: ModelReport,
    /// The part of the data.
    pub part: Part,
    /// Mean IoU, averaged over the sets.
    pub mean_iou: Option<f64>,
    /// Mean Dice, averaged over the sets.
    pub mean_dice: Option<f64>,
    /// Each set.
    pub sets: BTreeMap<String, SetReport>,
    /// Each scan.
    pub scans: Vec<ScanReport>,
}

/// The remaining error if the least certain A-scans are left out.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RiskReport {
    /// Share of the A-scans kept.
    pub kept: f64,
    /// Mean absolute boundary error in pixels of the A-scans with the largest confidence.
    pub mean_absolute_px: Option<f64>,
    /// Mean absolute boundary error in pixels of the A-scans with the smallest deviation.
    pub by_deviation_px: Option<f64>,
}

impl Report {
    /// Reports an evaluation of `model` on `part`.
    #[must_use]
    pub fn new(model: ModelReport, part: Part, evaluation: &Evaluation) -> Self {
        let graders = |of: &BTreeMap<String, [BoundaryError; BOUNDARIES]>, name: &str, um| {
            of.get(name).map(|errors| boundaries(errors, um))
        };
        let sets = evaluation.score.0.iter().map(|(name, score)| {
            let report = SetReport {
                second_grader: graders(&evaluation.second_grader, name, score.axial_um),
                between_graders: graders(&evaluation.between_graders, name, score.axial_um),
                disease: evaluation.disease.get(name).map(DiseaseScore::report),
                graders_overlap: evaluation.graders_overlap.get(name).map(OverlapReport::new),
                ..SetReport::new(score)
            };
            (name.clone(), report)
        });
        Self {
            model,
            part,
            mean_iou: evaluation.score.over_sets(SetScore::mean_iou),
            mean_dice: evaluation.score.over_sets(SetScore::mean_dice),
            sets: sets.collect(),
            scans: evaluation.scans.clone(),
        }
    }
}

impl OverlapReport {
    fn new(overlap: &Overlap) -> Self {
        let labelled = |class: &usize| overlap.is_labelled(*class);
        let figures = |of: &dyn Fn(usize) -> Option<f64>| {
            (0..CLASSES).filter(labelled).filter_map(|c| Some((class_name(c), of(c)?))).collect()
        };
        Self {
            pixel_accuracy: overlap.pixel_accuracy(),
            mean_iou: mean_iou(overlap),
            mean_dice: mean_dice(overlap),
            iou: figures(&|c| overlap.iou(c)),
            dice: figures(&|c| overlap.dice(c)),
        }
    }
}

impl SetReport {
    fn new(score: &SetScore) -> Self {
        Self {
            bscans: score.bscans,
            overlap: OverlapReport::new(&score.overlap),
            graders_overlap: None,
            coverage_95: score.coverage.value(),
            disease: None,
            risk: KEPT.map(|kept| RiskReport::new(score, kept)).to_vec(),
            boundaries: boundaries(&score.boundaries, score.axial_um),
            second_grader: None,
            between_graders: None,
        }
    }
}

impl RiskReport {
    fn new(score: &SetScore, kept: f64) -> Self {
        let risk = |by| score.risk(kept, by);
        Self { kept, mean_absolute_px: risk(Certainty::Confidence), by_deviation_px: risk(Certainty::Deviation) }
    }
}

fn boundaries(errors: &[BoundaryError; BOUNDARIES], um: Option<f64>) -> Vec<BoundaryReport> {
    let labelled = errors.iter().zip(Boundary::ALL).filter(|(e, _)| e.compared + e.missed > 0);
    labelled
        .map(|(error, boundary)| BoundaryReport {
            boundary: boundary.name(),
            mean_absolute_px: error.mean_absolute(),
            mean_absolute_um: error.mean_absolute().zip(um).map(|(px, um)| px * um),
            bias_px: error.bias(),
            compared: error.compared,
            missed: error.missed,
        })
        .collect()
}

/// Name of a class: `background` or that of the layer.
#[must_use]
pub fn class_name(class: usize) -> &'static str {
    class.checked_sub(1).and_then(|i| Layer::ALL.get(i)).map_or("background", |l| l.name())
}
