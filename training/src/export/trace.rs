//! Records the network's forward pass on a device that logs operations instead of computing them.
//!
//! So the topology is defined only once, in the network's `forward`.

use std::collections::HashMap;

use burn::{
    backend::Capture,
    module::{Module, ModuleVisitor, Param},
    prelude::*,
    tensor::{CapturedGraph, TensorId},
};

use super::error::ExportError;
use crate::model::{Scores, UNet};

/// A recorded forward pass.
pub(super) struct Trace {
    /// The operations and the values of the weights.
    pub graph: CapturedGraph,
    /// Path of each weight in the network, as in `down.0.first.weight`.
    pub names: HashMap<TensorId, String>,
    /// The input.
    pub input: TensorId,
    /// The outputs: those of the layers and, if the network has it, of the lesions.
    pub outputs: Vec<TensorId>,
}

impl Trace {
    /// Records the inference of `model` for an input of `shape`.
    pub(super) fn new(model: &UNet, shape: [usize; 4]) -> Result<Self, ExportError> {
        let device = Device::capture();
        let mut names = WeightNames::default();
        let mut endpoints = None;
        let graph = device.capture_scope(|scope| {
            // A copy in validation mode: moving the network itself would permanently move its running statistics.
            let model = model.valid().to_device(&device);
            model.visit(&mut names);
            // Only a tensor created from data can be the input of a graph.
            let zeros = TensorData::new(vec![0_f32; shape.iter().product()], shape);
            let input = Tensor::<4>::from_data(zeros, &device);
            let start = id(&input);
            let Scores { layers, lesions } = model.forward(input);
            let outputs: Option<Vec<TensorId>> =
                [Some(&layers), lesions.as_ref()].into_iter().flatten().map(id).collect();
            let token = scope.complete(start, outputs.clone().unwrap_or_default());
            endpoints = start.zip(outputs);
            drop((layers, lesions));
            token
        });
        let graph = graph.map_err(|e| ExportError::Trace(format!("{e:?}")))?;
        let (input, outputs) =
            endpoints.ok_or_else(|| ExportError::Trace("the input or an output was not recorded".to_owned()))?;
        Ok(Self { graph, names: names.found, input, outputs })
    }
}

fn id<const D: usize>(tensor: &Tensor<D>) -> Option<TensorId> {
    tensor.clone().try_into_primitive::<Capture>().ok().map(|t| t.id())
}

#[derive(Default)]
struct WeightNames {
    path: Vec<String>,
    found: HashMap<TensorId, String>,
}

impl ModuleVisitor for WeightNames {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(id) = id(&param.val()) {
            self.found.insert(id, self.path.join("."));
        }
    }
}
