//! Epochs of a training and their accuracy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::score::{LABELLED_CLASSES, Score, SetScore};

/// One epoch in `history.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Steps since the start of the run.
    pub step: u64,
    /// Seconds of training in the current schedule.
    pub seconds: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean cross-entropy of the epoch.
    pub cross_entropy: f64,
    /// Mean Dice loss of the epoch.
    pub dice_loss: f64,
    /// Mean loss of the lesions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesion_loss: Option<f64>,
    /// Mean divergence from the teacher, if there is one.
    #[serde(default, rename = "imitation", skip_serializing_if = "Option::is_none")]
    pub distillation: Option<f64>,
    /// Accuracy on the validation part, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// Accuracy on the validation part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean Dice of the seven layers, averaged over the sets; selects the best checkpoint.
    pub dice: f64,
    /// Mean IoU of background and the seven layers, averaged over the sets.
    pub mean_iou: f64,
    /// Mean absolute boundary error in pixels, averaged over the sets.
    pub boundary_px: f64,
    /// Share of labelled pixels with the correct class, averaged over the sets.
    pub pixel_accuracy: f64,
    /// IoU of each class, background first, averaged over the sets.
    pub iou: Vec<f64>,
    /// Mean Dice of the seven layers in each set.
    pub sets: BTreeMap<String, f64>,
    /// Dice of each lesion that occurs in each set, over all its pixels.
    #[serde(default)]
    pub lesions: BTreeMap<String, BTreeMap<String, f64>>,
    /// Mean absolute error of the choroid-sclera boundary in pixels, in each set that has it.
    #[serde(default)]
    pub choroid_px: BTreeMap<String, f64>,
}

impl Validation {
    /// Extracts the validation results from a score.
    #[must_use]
    pub fn of(score: &Score) -> Self {
        let figure = |f: &dyn Fn(&SetScore) -> Option<f64>| score.over_sets(f).unwrap_or(0.0);
        Self {
            dice: figure(&SetScore::mean_dice),
            mean_iou: figure(&SetScore::mean_iou),
            boundary_px: figure(&SetScore::mean_absolute),
            pixel_accuracy: figure(&|s| s.overlap.pixel_accuracy()),
            iou: LABELLED_CLASSES.map(|c| figure(&|s| s.overlap.iou(c))).collect(),
            lesions: score
                .0
                .iter()
                .map(|(n, s)| (n.clone(), s.lesions.dice()))
                .filter(|(_, l)| !l.is_empty())
                .collect(),
            choroid_px: score.0.iter().filter_map(|(n, s)| Some((n.clone(), s.choroid()?))).collect(),
            sets: score.0.iter().filter_map(|(n, s)| Some((n.clone(), s.mean_dice()?))).collect(),
        }
    }
}
