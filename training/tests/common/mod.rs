//! Small networks in which every parameter affects the output, and inputs for them.

use burn::{
    module::{Module, ModuleMapper, Param},
    prelude::*,
};
use octrls_core::network::{Calibration, InputSize};
use octrls_training::{
    device::device,
    export::{Description, Precision},
    model::{UNet, UNetConfig},
};

/// Replaces every vector (biases, batch normalisation) by numbers that are neither 0 nor 1, all positive.
pub struct SetVectors(pub f32);

impl ModuleMapper for SetVectors {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D != 1 {
            return param;
        }
        param.map(|t| {
            let shape: [usize; D] = t.dims();
            let n: usize = shape.iter().product();
            self.0 += 0.37;
            let values = (0..n).map(|i| 0.8 + 0.5 * (self.0 + i as f32 * 1.3).sin()).collect();
            Tensor::from_data(TensorData::new(values, shape), &t.device())
        })
    }
}

pub fn description([width, height]: [usize; 2]) -> Description {
    Description {
        name: "test".to_owned(),
        version: "1".to_owned(),
        calibration: Calibration { temperature: 1.25, ..Calibration::default() },
        ez_shift: 6.0,
        training_data: "none".to_owned(),
        input: InputSize { width, height },
        precision: Precision::Single,
    }
}

pub fn model(config: UNetConfig) -> UNet {
    config.init(&device()).valid().map(&mut SetVectors(0.0))
}

pub fn input([width, height]: [usize; 2]) -> Vec<f32> {
    (0..width * height).map(|i| ((i * 7919) % 1013) as f32 / 400.0 - 1.2).collect()
}
