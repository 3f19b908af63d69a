//! Steps of the training recipe that can be left out, to measure their effect.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A step of the recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RecipeStep {
    /// Crops from phantoms
    Phantoms,
    /// Crops without a retina
    Negatives,
    /// Crops used as scanned; without them, every crop is varied
    PlainCrops,
    /// Flips, scale, cuts, tilt and curvature
    Geometry,
    /// Uneven illumination, gamma, contrast and brightness
    Photometric,
    /// Shadows, bands, burnt-in scales and wedges of padding
    Artefacts,
    /// Noise, speckle, grain and blur
    Noise,
    /// Balanced drawing of sets and subjects; without it, every scan is equally likely
    Balance,
    /// The Dice part of the loss
    Dice,
    /// The convention of each set for the end of the ellipsoid zone
    EzConvention,
    /// Batch normalisation
    BatchNorm,
}

/// The steps that a training leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<RecipeStep>", into = "Vec<RecipeStep>")]
pub struct Ablation(u16);

impl Ablation {
    /// Whether `step` is left out.
    #[must_use]
    pub const fn omits(self, step: RecipeStep) -> bool {
        self.0 & (1 << step as u16) != 0
    }

    /// Whether no step is left out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<RecipeStep> for Ablation {
    fn from_iter<I: IntoIterator<Item = RecipeStep>>(steps: I) -> Self {
        Self(steps.into_iter().fold(0, |all, step| all | 1 << step as u16))
    }
}

impl From<Vec<RecipeStep>> for Ablation {
    fn from(steps: Vec<RecipeStep>) -> Self {
        steps.into_iter().collect()
    }
}

impl From<Ablation> for Vec<RecipeStep> {
    fn from(ablation: Ablation) -> Self {
        RecipeStep::value_variants().iter().copied().filter(|&step| ablation.omits(step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ablation_round_trips_through_json() {
        let ablation: Ablation = [RecipeStep::Dice, RecipeStep::Geometry].into_iter().collect();
        assert!(ablation.omits(RecipeStep::Dice) && !ablation.omits(RecipeStep::Phantoms));
        let text = serde_json::to_string(&ablation).expect("JSON");
        assert_eq!(text, r#"["geometry","dice"]"#);
        assert_eq!(serde_json::from_str::<Ablation>(&text).expect("its own JSON"), ablation);
        assert!(Ablation::default().is_empty() && !ablation.is_empty());
    }
}
