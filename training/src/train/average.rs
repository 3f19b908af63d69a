//! An exponential moving average of the weights; it validates better than the weights of any one step.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    prelude::*,
};

use crate::model::UNet;

/// Share of the old average that one step keeps, once the average is long.
const DECAY: f64 = 0.998;

/// The moving average of a network's weights and running statistics.
pub struct Average {
    model: UNet,
    steps: u64,
}

impl Average {
    /// Starts at `model` after `steps` steps of averaging.
    #[must_use]
    pub fn new(model: UNet, steps: u64) -> Self {
        Self { model, steps }
    }

    /// The averaged network, for inference.
    #[must_use]
    pub const fn model(&self) -> &UNet {
        &self.model
    }

    /// Takes the weights of `live` in.
    pub fn update(&mut self, live: &UNet) {
        self.steps += 1;
        // A short average at first: the random start must not linger.
        let decay = DECAY.min((1 + self.steps) as f64 / (10 + self.steps) as f64);
        let mut weights = Weights::default();
        live.valid().visit(&mut weights);
        let mut mix = Mix { weights: weights.0, decay };
        self.model = self.model.clone().map(&mut mix);
    }
}

/// All weights by identity, flattened.
#[derive(Default)]
struct Weights(HashMap<ParamId, Tensor<1>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, param.val().reshape([-1]));
    }
}

struct Mix {
    weights: HashMap<ParamId, Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Mix {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove(&param.id) {
            Some(live) => param.map(|old| {
                let live = live.reshape(old.dims());
                old * self.decay + live * (1.0 - self.decay)
            }),
            None => param,
        }
    }
}
