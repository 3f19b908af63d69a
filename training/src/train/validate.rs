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
/// the score of the ellipsoid zone against that of the RPE by `ez_shift`. Returns the surfaces and the lesion mask.
///
/// # Errors
/// If the network's output cannot be read.
pub fn segment(model: &UNet, sample: &Sample, ez_shift: f32, device: &Device) -> Result<(Surfaces, Option<Vec<u8>>)> {
    let grid = |length: usize| length.min(MAX_SIDE).next_multiple_of(STRIDE);
    let input = InputSize { width: grid(sample.bscan.width), height: grid(sample.bscan.height) };
    let placement = Placement::new(sample.bscan.width, sample.bscan.height, input);
    let data = TensorData::new(placement.input_of(&sample.bscan), [1, 1, input.height, input.width]);
    let scores = model.forward(Tensor::from_data(data, device));
    let values = scores.layers.try_into_data()?.try_to_vec::<f32>()?;
    let logits = Logits::new(input.width, input.height, values);
    let logits = logits.ok_or_else(|| anyhow::anyhow!("the network's output size differs from its input size"))?;
    let options = ExtractOptions { ez_bias: sample.ez.bias(ez_shift), ..ExtractOptions::default() };
    let surfaces = extract(&logits, &placement, &options);
    let lesions = scores.lesions.map(|lesions| lesions.argmax(1).try_into_data()).transpose()?;
    let lesions = lesions.map(|classes| classes.convert::<u8>().try_to_vec::<u8>()).transpose()?;
    Ok((surfaces, lesions.map(|classes| on_scan(&classes, &placement))))
}

/// The class of each pixel of the scan, from the classes on the network's grid.
fn on_scan(classes: &[u8], placement: &Placement) -> Vec<u8> {
    let Placement { scan_width, scan_height, width, height, left, top, .. } = *placement;
    let nearest = |i: usize, grid: usize, scan: usize| (2 * i + 1) * grid / (2 * scan);
    (0..scan_height)
        .flat_map(|y| {
            (0..scan_width).map(move |x| (top + nearest(y, height, scan_height), left + nearest(x, width, scan_width)))
        })
        .map(|(y, x)| classes[y * placement.input.width + x])
        .collect()
}

/// Accuracy of `model` over `samples`.
///
/// # Errors
/// As [`segment`].
pub fn validate(model: &UNet, samples: &[Sample], ez_shift: f32, device: &Device) -> Result<Score> {
    let mut score = Score::default();
    for sample in samples {
        let (surfaces, lesions) = segment(model, sample, ez_shift, device)?;
        score.add(sample, &surfaces);
        if let Some((found, labelled)) = lesions.zip(sample.lesions.as_ref()) {
            score.0.entry(sample.set.clone()).or_default().lesions.add(&found, labelled);
        }
    }
    Ok(score)
}
