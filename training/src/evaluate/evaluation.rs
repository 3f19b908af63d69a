//! Accuracy of a model on labelled scans.

use std::collections::BTreeMap;

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    measure::accuracy::{BoundaryError, IGNORE, Overlap},
    network::{ModelError, Network},
    scan::{Provenance, Spacing},
    segment::{FoundSurfaces, find_surfaces},
    surface::Surfaces,
};
use serde::Serialize;

use super::disease::DiseaseScore;
use crate::{
    data::{BELOW_RPE, BoundaryRows, Sample, mask_from_rows},
    score::{Score, SetScore, ground_truth, mean},
};

/// Accuracy of a model, and the differences between two graders and the model.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// Against the first grader.
    pub score: Score,
    /// Model against the second grader, by set; boundaries only.
    pub second_grader: BTreeMap<String, [BoundaryError; BOUNDARIES]>,
    /// Second grader against first grader, by set; boundaries only.
    pub between_graders: BTreeMap<String, [BoundaryError; BOUNDARIES]>,
    /// Overlap of the masks of the two graders, by set.
    pub graders_overlap: BTreeMap<String, Overlap>,
    /// Choroid, lesions and verdicts, by set.
    pub disease: BTreeMap<String, DiseaseScore>,
    /// Each scan.
    pub scans: Vec<ScanReport>,
}

impl Evaluation {
    /// Adds one segmented scan.
    pub fn add(&mut self, sample: &Sample, found: &FoundSurfaces) {
        let surfaces = &found.surfaces;
        self.score.add(sample, surfaces);
        self.disease.entry(sample.set.clone()).or_default().add(sample, &ground_truth(sample), found);
        self.scans.push(ScanReport::new(sample, surfaces));
        let Some(second) = &sample.second_grader else { return };
        let model = Boundary::ALL.map(|b| surfaces.rows(b).to_vec());
        let add = |errors: &mut [BoundaryError; BOUNDARIES], rows: &BoundaryRows| {
            errors.iter_mut().zip(rows).zip(second).for_each(|((e, rows), second)| e.add(rows, second));
        };
        add(self.second_grader.entry(sample.set.clone()).or_default(), &model);
        if let Some(first) = &sample.boundaries {
            add(self.between_graders.entry(sample.set.clone()).or_default(), first);
        }
        let (mut second, mut first) = (mask_from_rows(second, sample.bscan.height), sample.mask.clone());
        for (second, first) in second.iter_mut().zip(&mut first) {
            if *second == IGNORE || *first == BELOW_RPE {
                (*second, *first) = (0, IGNORE);
            }
        }
        self.graders_overlap.entry(sample.set.clone()).or_default().add(&second, &first);
    }
}

/// Accuracy on one scan.
#[derive(Clone, Debug, Serialize)]
pub struct ScanReport {
    /// The set.
    pub set: String,
    /// The scan.
    pub id: String,
    /// Mean absolute error in pixels, averaged over the boundaries; `None` if nothing could be compared.
    pub mean_absolute_px: Option<f64>,
    /// Mean Dice of the seven layers.
    pub mean_dice: Option<f64>,
    /// Mean confidence of the A-scans.
    pub confidence: f64,
}

impl ScanReport {
    /// The results of one segmented scan.
    #[must_use]
    pub fn new(sample: &Sample, surfaces: &Surfaces) -> Self {
        let mut score = SetScore::default();
        score.add(sample, surfaces, &ground_truth(sample));
        let confidences = surfaces.confidence().iter().map(|&c| f64::from(c));
        Self {
            set: sample.set.clone(),
            id: sample.id.clone(),
            mean_absolute_px: score.mean_absolute(),
            mean_dice: score.mean_dice(),
            confidence: mean(confidences).unwrap_or(0.0),
        }
    }
}

/// Segments `sample` with `network`, by its spacing and the convention of its labels.
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn segment(network: &Network, sample: &Sample) -> Result<FoundSurfaces, ModelError> {
    let axial = sample.axial_um.map(|um| Spacing { um, from: Provenance::Operator });
    find_surfaces(network, &sample.bscan, axial, sample.ez)
}
