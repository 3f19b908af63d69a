//! Stand-in for the GPU in a build without CUDA.

use tract_core::prelude::*;

use super::{Device, ModelError};

/// A GPU, which cannot exist in this build.
pub(super) enum Gpu {}

impl Gpu {
    pub(super) fn on(device: Device) -> Result<Option<u32>, ModelError> {
        match device {
            Device::Auto | Device::Cpu => Ok(None),
            Device::Cuda(_) => Err(ModelError::Device(
                "this build has no CUDA; build it with `--features cuda`, or use the CPU".to_owned(),
            )),
        }
    }

    pub(super) fn prepare(_: u32, _: TypedModel) -> Result<Self, String> {
        Err("this build has no CUDA".to_owned())
    }

    pub(super) const fn is_alive(&self) -> bool {
        match *self {}
    }

    pub(super) const fn run(&self, _: &Tensor) -> Option<Vec<f32>> {
        match *self {}
    }

    pub(super) fn on_failure(&self, _: Box<dyn Fn(String) + Send + Sync>) {
        match *self {}
    }

    pub(super) const fn operators_on_cpu(&self) -> (Vec<String>, usize) {
        match *self {}
    }
}
