//! Steps of the training recipe that can be left out, to measure their effect.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A step of the recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
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
#[serde(from = "Vec<Step>", into = "Vec<Step>")]
pub struct Without(u16);

impl Without {
    /// Whether `step` is left out.
    #[must_use]
    pub const fn leaves_out(self, step: Step) -> bool {
        self.0 & (1 << step as u16) != 0
    }

    /// Whether no step is left out.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Step> for Without {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().fold(0, |all, step| all | 1 << step as u16))
    }
}

impl From<Vec<Step>> for Without {
    fn from(steps: Vec<Step>) -> Self {
        steps.into_iter().collect()
    }
}

impl From<Without> for Vec<Step> {
    fn from(without: Without) -> Self {
        Step::value_variants().iter().copied().filter(|&step| without.leaves_out(step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_survives_the_settings_file() {
        let without: Without = [Step::Dice, Step::Geometry].into_iter().collect();
        assert!(without.leaves_out(Step::Dice) && !without.leaves_out(Step::Phantoms));
        let text = serde_json::to_string(&without).expect("JSON");
        assert_eq!(text, r#"["geometry","dice"]"#);
        assert_eq!(serde_json::from_str::<Without>(&text).expect("its own JSON"), without);
        assert!(Without::default().is_nothing() && !without.is_nothing());
    }
}
