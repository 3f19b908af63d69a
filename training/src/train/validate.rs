//! Accuracy of a network in training.

use anyhow::Result;
use burn::prelude::*;
use octrls_core::{
    network::{InputSize, Logits, Placement},
    surface::{ExtractOptions, Surfaces, extract},
};

use crate::{
    augment::MAX_SIDE,
    data::Sample,
    model::{STRIDE, UNet},
    score::Score,
};

/// Segments `sample` with `model` as the runtime does, on the smallest grid that fits the scan. The convention shifts
/// the score of the ellipsoid zone against that of the RPE by `ez_shift`.
///
/// # Errors
/// If the network's output cannot be read.
pub fn segment(model: &UNet, sample: &Sample, ez_shift: f32, device: &Device) -> Result<Surfaces> {
    let grid = |length: usize| length.min(MAX_SIDE).next_multiple_of(STRIDE);
    let (width, height) = Placement::resized_size(sample.bscan.width, sample.bscan.height);
    let input = InputSize { width: grid(width), height: grid(height) };
    let placement = Placement::new(sample.bscan.width, sample.bscan.height, input);
    let data = TensorData::new(placement.input_of(&sample.bscan), [1, 1, input.height, input.width]);
    let values = model.forward(Tensor::from_data(data, device)).try_into_data()?.try_to_vec::<f32>()?;
    let logits = Logits::new(input.width, input.height, values);
    let logits = logits.ok_or_else(|| anyhow::anyhow!("the network's output size differs from its input size"))?;
    let options = ExtractOptions { ez_bias: sample.ez.bias(ez_shift), ..ExtractOptions::default() };
    Ok(extract(&logits, &placement, &options))
}

/// Accuracy of `model` over `samples`.
///
/// # Errors
/// As [`segment`].
pub fn validate(model: &UNet, samples: &[Sample], ez_shift: f32, device: &Device) -> Result<Score> {
    let mut score = Score::default();
    for sample in samples {
        score.add(sample, &segment(model, sample, ez_shift, device)?);
    }
    Ok(score)
}
