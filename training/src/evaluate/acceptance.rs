//! Whether a network that was fitted to new scans may replace another one: it must lose on no set.

use std::collections::BTreeMap;

use octrls_core::network::{ModelError, Network};

use super::{evaluation::Evaluation, segment};
use crate::{data::Sample, score::SetScore};

/// Largest loss of the mean Dice of the layers.
const MAX_DICE_LOSS: f64 = 0.005;
/// Largest rise of the mean boundary error, as a share.
const MAX_ERROR_RISE: f64 = 0.03;
/// Largest loss of the Dice of a lesion.
const MAX_LESION_LOSS: f64 = 0.02;

/// A figure of both networks on one set.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The set.
    pub set: String,
    /// The figure.
    pub figure: String,
    /// Its value for the network to replace.
    pub before: f64,
    /// Its value for the new network.
    pub after: f64,
    /// Whether the new network loses more than is allowed.
    pub loses: bool,
}

/// Compares `after` with `before` on every set of `samples`.
///
/// # Errors
/// [`ModelError`] if a network fails.
pub fn changes(before: &Network, after: &Network, samples: &[Sample]) -> Result<Vec<Change>, ModelError> {
    let figures = |network: &Network| -> Result<BTreeMap<(String, String), f64>, ModelError> {
        let mut evaluation = Evaluation::default();
        for sample in samples {
            evaluation.add(sample, &segment(network, sample)?);
        }
        Ok(all_figures(&evaluation))
    };
    Ok(compare(&figures(before)?, &figures(after)?))
}

const DICE: &str = "Dice of the layers";
const ERROR: &str = "boundary error, px";

fn all_figures(evaluation: &Evaluation) -> BTreeMap<(String, String), f64> {
    let mut figures = BTreeMap::new();
    let mut add = |set: &str, figure: String, value: Option<f64>| {
        figures.extend(value.map(|value| ((set.to_owned(), figure), value)));
    };
    for (set, score) in &evaluation.score.0 {
        add(set, DICE.to_owned(), score.mean_dice());
        add(set, ERROR.to_owned(), SetScore::mean_absolute(score));
    }
    for (set, disease) in &evaluation.disease {
        for (lesion, dice) in disease.report().lesions {
            add(set, format!("Dice of {lesion}"), Some(dice));
        }
    }
    figures
}

fn compare(before: &BTreeMap<(String, String), f64>, after: &BTreeMap<(String, String), f64>) -> Vec<Change> {
    let change = |((set, figure), &before): (&(String, String), &f64)| {
        // A figure that the new network does not have at all is lost.
        let value = after.get(&(set.clone(), figure.clone())).copied();
        let loses = value.is_none_or(|after| match figure.as_str() {
            DICE => before - after > MAX_DICE_LOSS,
            ERROR => after > before * (1.0 + MAX_ERROR_RISE),
            _ => before - after > MAX_LESION_LOSS,
        });
        Change { set: set.clone(), figure: figure.clone(), before, after: value.unwrap_or(f64::NAN), loses }
    };
    before.iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(dice: f64, error: f64, irf: Option<f64>) -> BTreeMap<(String, String), f64> {
        let key = |figure: &str| ("set".to_owned(), figure.to_owned());
        let irf = irf.map(|irf| (key("Dice of irf"), irf));
        [(key(DICE), dice), (key(ERROR), error)].into_iter().chain(irf).collect()
    }

    fn losses(after: &BTreeMap<(String, String), f64>) -> Vec<String> {
        let all = compare(&figures(0.9, 1.0, Some(0.8)), after);
        all.into_iter().filter(|change| change.loses).map(|change| change.figure).collect()
    }

    #[test]
    fn a_network_that_loses_a_little_everywhere_is_accepted() {
        assert_eq!(losses(&figures(0.896, 1.02, Some(0.79))), [""; 0]);
        assert_eq!(losses(&figures(0.95, 0.5, Some(0.9))), [""; 0]);
    }

    #[test]
    fn a_loss_is_named_by_its_figure() {
        assert_eq!(losses(&figures(0.89, 1.0, Some(0.8))), [DICE]);
        assert_eq!(losses(&figures(0.9, 1.1, Some(0.7))), ["Dice of irf", ERROR]);
        assert_eq!(losses(&figures(0.9, 1.0, None)), ["Dice of irf"]);
    }
}
