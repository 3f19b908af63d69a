//! Accuracy of a model file, measured with the runtime that will run it.

mod calibrate;
mod overlay;
mod report;
mod table;

use octrls::{
    layer::BOUNDARIES,
    measure::accuracy::BoundaryError,
    network::{ModelError, Network},
    surface::{ExtractOptions, Surfaces, extract},
};

use crate::{
    data::{BoundaryRows, Sample},
    score::Score,
};

pub use calibrate::{CalibrationStep, best_temperature, calibrate};
pub use overlay::overlay;
pub use report::{BoundaryReport, ModelReport, Report, SetReport};
pub use table::markdown;

/// Accuracy of a model, and how far two graders differ from it and from each other.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// Against the first grader.
    pub score: Score,
    /// Model against the second grader, by set; boundaries only.
    pub second_grader: std::collections::BTreeMap<String, [BoundaryError; BOUNDARIES]>,
    /// Second against first grader, by set; boundaries only.
    pub between_graders: std::collections::BTreeMap<String, [BoundaryError; BOUNDARIES]>,
}

impl Evaluation {
    /// Adds one segmented scan.
    pub fn add(&mut self, sample: &Sample, surfaces: &Surfaces) {
        self.score.add(sample, surfaces);
        let Some(second) = &sample.second_grader else { return };
        let model = octrls::layer::Boundary::ALL.map(|b| surfaces.rows(b).to_vec());
        let add = |errors: &mut [BoundaryError; BOUNDARIES], rows: &BoundaryRows| {
            errors.iter_mut().zip(rows).zip(second).for_each(|((e, rows), second)| e.add(rows, second));
        };
        add(self.second_grader.entry(sample.set.clone()).or_default(), &model);
        if let Some(first) = &sample.boundaries {
            add(self.between_graders.entry(sample.set.clone()).or_default(), first);
        }
    }
}

/// Segments `sample` with `network` at a softmax `temperature`.
///
/// # Errors
/// [`ModelError`] when the network fails.
pub fn segment(network: &Network, sample: &Sample, temperature: f32) -> Result<Surfaces, ModelError> {
    let (logits, placement) = network.run(&sample.bscan)?;
    Ok(extract(&logits, &placement, &ExtractOptions { temperature, ..ExtractOptions::default() }))
}
