//! Runs a network on a GPU with tract-cuda, which loads the driver and all libraries at run time.

mod rewrite;

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use tract_core::{
    prelude::*,
    runtime::{Runnable, runtime_for_name},
};
use tract_cuda as _;

use super::{
    Device, ModelError,
    panics::{catch, catch_silently},
};

/// A plan on the GPU, used until it first fails.
pub(super) struct Gpu {
    plan: Box<dyn Runnable>,
    failed: AtomicBool,
    on_failure: OnceLock<Box<dyn Fn(String) + Send + Sync>>,
}

impl Gpu {
    /// Number of the requested GPU, if any.
    #[expect(clippy::unnecessary_wraps, reason = "a build without CUDA refuses to have a GPU")]
    pub(super) fn on(device: Device) -> Result<Option<u32>, ModelError> {
        Ok(match device {
            Device::Cpu => None,
            Device::Auto => Some(0),
            Device::Cuda(number) => Some(number),
        })
    }

    /// Prepares `model`, which is decluttered and of a fixed size. The error says why the GPU cannot be used.
    pub(super) fn prepare(number: u32, mut model: TypedModel) -> Result<Self, String> {
        let text = |e: TractError| format!("{e:#}");
        if number > 0 {
            return Err(format!(
                "only the first GPU can be used; set CUDA_VISIBLE_DEVICES={number} to make GPU {number} the first"
            ));
        }
        let runtime = runtime_for_name("cuda").map_err(text)?.ok_or("tract-cuda did not register itself")?;
        runtime.check().map_err(text)?;
        rewrite::rewrite(&mut model).map_err(text)?;
        // tract-cuda panics if headers or a library are missing; its message is reported as an error instead.
        let plan = catch_silently(|| runtime.prepare(model));
        let plan = plan.and_then(|plan| plan.map_err(text))?;
        Ok(Self { plan, failed: AtomicBool::new(false), on_failure: OnceLock::new() })
    }

    /// Whether it has never failed.
    pub(super) fn is_alive(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }

    /// The first output; `None` if it fails now or failed before.
    pub(super) fn run(&self, input: &Tensor) -> Option<Vec<f32>> {
        if !self.is_alive() {
            return None;
        }
        let run = || -> TractResult<Vec<f32>> {
            let output = self.plan.run(tvec!(input.clone().into()))?;
            Ok(output[0].view().as_slice::<f32>()?.to_vec())
        };
        match catch(run).and_then(|output| output.map_err(|e| format!("{e:#}"))) {
            Ok(output) => Some(output),
            Err(reason) => {
                if !self.failed.swap(true, Ordering::AcqRel)
                    && let Some(callback) = self.on_failure.get()
                {
                    callback(reason);
                }
                None
            }
        }
    }

    /// Calls `callback` with the reason when it first fails.
    pub(super) fn on_failure(&self, callback: Box<dyn Fn(String) + Send + Sync>) {
        // Only the first callback is kept.
        let _ = self.on_failure.set(callback);
    }

    /// Names of the operators that still run on the CPU, and the number of all operators.
    pub(super) fn operators_on_cpu(&self) -> (Vec<String>, usize) {
        let Some(model) = self.plan.typed_model() else { return (Vec::new(), 0) };
        let ours = ["Cuda", "Gpu", "Device", "Source", "Const"];
        let names = model.nodes.iter().map(|node| node.op.name());
        let left = names.filter(|name| !ours.iter().any(|prefix| name.starts_with(prefix)));
        (left.map(std::borrow::Cow::into_owned).collect(), model.nodes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tract_core::{internal::bail, runtime::State};

    use super::*;

    /// Fails or panics on every run.
    #[derive(Debug)]
    struct Broken {
        panics: bool,
    }

    impl Runnable for Broken {
        fn spawn(&self) -> TractResult<Box<dyn State>> {
            assert!(!self.panics, "out of order");
            bail!("out of order")
        }

        fn typed_plan(&self) -> Option<&Arc<TypedSimplePlan>> {
            None
        }

        fn typed_model(&self) -> Option<&Arc<TypedModel>> {
            None
        }
    }

    #[test]
    fn a_failing_gpu_is_reported_once_and_not_used_again() {
        for panics in [false, true] {
            let plan = Box::new(Broken { panics });
            let gpu = Gpu { plan, failed: AtomicBool::new(false), on_failure: OnceLock::new() };
            let reasons = Arc::new(Mutex::new(Vec::new()));
            let sink = Arc::clone(&reasons);
            gpu.on_failure(Box::new(move |reason| sink.lock().expect("a list").push(reason)));
            let input = Tensor::zero::<f32>(&[1]).expect("a tensor");
            assert!(gpu.is_alive());
            assert_eq!((gpu.run(&input), gpu.run(&input)), (None, None));
            assert!(!gpu.is_alive());
            let reasons = reasons.lock().expect("a list");
            assert!(reasons.len() == 1 && reasons[0].contains("out of order"), "{reasons:?}");
        }
    }
}
