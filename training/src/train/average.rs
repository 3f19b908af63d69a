//! An exponential moving average of the weights, which validates better than the weights of a single step.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    prelude::*,
};

use crate::model::UNet;

/// Weight of the old average in an update, once the average is long.
const MAX_DECAY: f64 = 0.998;

/// The moving average of a network's weights and running statistics.
pub struct WeightAverage {
    model: UNet,
    steps: u64,
}

impl WeightAverage {
    /// Starts from `model` after `steps` steps of averaging.
    #[must_use]
    pub fn new(model: UNet, steps: u64) -> Self {
        Self { model, steps }
    }

    /// The averaged network, for inference.
    #[must_use]
    pub const fn model(&self) -> &UNet {
        &self.model
    }

    /// Adds the weights of `live` to the average.
    pub fn update(&mut self, live: &UNet) {
        self.steps += 1;
        // Short at first, so that the random start does not persist.
        let decay = MAX_DECAY.min((1 + self.steps) as f64 / (10 + self.steps) as f64);
        let mut weights = Weights::default();
        live.valid().visit(&mut weights);
        let mut update = AverageUpdate { path: Vec::new(), live: weights.found, decay };
        self.model = self.model.clone().map(&mut update);
    }
}

/// All weights, flattened, by path in the network.
///
/// Not by [`burn::module::ParamId`]: running statistics get a new one each time they are loaded.
#[derive(Default)]
struct Weights {
    path: Vec<String>,
    found: HashMap<String, Tensor<1>>,
}

impl ModuleVisitor for Weights {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.join("."), param.val().reshape([-1]));
    }
}

struct AverageUpdate {
    path: Vec<String>,
    live: HashMap<String, Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for AverageUpdate {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let live = self.live.remove(&self.path.join(".")).expect("the average and the network have the same weights");
        param.map(|old| {
            let live = live.reshape(old.dims());
            old * self.decay + live * (1.0 - self.decay)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{device::device, model::UNetConfig};

    /// Mean absolute difference between all weights, including running statistics.
    fn distance(a: &UNet, b: &UNet) -> f32 {
        let weights = |model: &UNet| {
            let mut all = Weights::default();
            model.visit(&mut all);
            all.found
        };
        let (a, mut b) = (weights(a), weights(b));
        a.into_iter()
            .map(|(path, a)| (a - b.remove(&path).expect("the same weights")).abs().mean().into_scalar::<f32>())
            .fold(0.0, f32::max)
    }

    #[test]
    fn average_converges_to_the_network_also_after_loading() {
        let config = UNetConfig { width: 4, batch_norm: true, lesions: true };
        let live = config.init(&device().autodiff());
        // A forward pass in training updates the running statistics.
        let _ = live.forward(Tensor::ones([1, 1, 32, 32], &device().autodiff()) * 3.0);
        let loaded = config.init(&device()).load_record(config.init(&device()).into_record());
        let before = distance(&loaded.valid(), &live.valid());
        let mut average = WeightAverage::new(loaded.valid(), 0);
        for _ in 0..60 {
            average.update(&live);
        }
        assert!(before > 0.05);
        assert!(distance(average.model(), &live.valid()) < 1e-3 * before);
    }
}
