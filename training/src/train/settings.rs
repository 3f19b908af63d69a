//! Settings of a training.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::schedule::{Budget, Schedule};
use crate::{
    batch::{BatchOptions, SetWeights},
    model::UNetConfig,
};

/// All settings of a run except its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The network.
    pub network: UNetConfig,
    /// The batches.
    pub batch: BatchOptions,
    /// Length and learning rate.
    pub schedule: Schedule,
    /// Weight decay at learning rate 1.
    pub weight_decay: f32,
    /// Largest gradient norm of one weight tensor.
    pub clip: f32,
    /// Shift of the ellipsoid zone score against that of the RPE by a set's convention, in logits.
    #[serde(default)]
    pub ez_shift: f32,
    /// Weight of each set when drawing scans.
    #[serde(default, skip_serializing_if = "SetWeights::is_empty")]
    pub set_weights: SetWeights,
    /// The exported network to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// The teacher: a run, whose averaged network is used, or an exported network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// Steps per epoch; each epoch ends with a checkpoint.
    pub epoch_steps: u64,
    /// Epochs between validations.
    pub validate_every: usize,
    /// Validations without progress before training stops.
    pub patience: usize,
    /// Progress after which batch normalisations use their running statistics.
    pub freeze_norms_at: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: UNetConfig::default(),
            batch: BatchOptions::default(),
            schedule: Schedule { budget: Budget::Steps(20_000), peak: 1e-3, warm_up: 200 },
            weight_decay: 1e-2,
            clip: 1.0,
            ez_shift: 6.0,
            set_weights: SetWeights::new(),
            from: None,
            teacher: None,
            epoch_steps: 250,
            validate_every: 4,
            patience: 20,
            freeze_norms_at: 0.75,
        }
    }
}
