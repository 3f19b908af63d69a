//! Runs a model with tract.

use std::{ops::Range, path::Path, sync::Arc};

use prost::Message;
use tract_core::prelude::*;

use octrls_kernel::{Buffer, Cores, Pool, Run};
use sha2::{Digest as _, Sha256};

use crate::{layer::CLASSES, scan::BScan};
use fearless_simd::Level;

use super::{
    Device, InputSize, Logits, ModelError, ModelMetadata, Placement, ShippedModel,
    gpu::Gpu,
    onnx,
    operators::{Held, Machine},
    proto::ModelProto,
    translate::translate,
};

/// Operators that compute on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// Ours, in tract's graph, if they cover the model and the machine has SIMD; else tract's.
    #[default]
    Fastest,
    /// tract's own, for comparison.
    Tract,
}

/// A loaded network. Cheap to clone; clones share the weights and may run on several threads at once.
#[derive(Clone)]
pub struct Network {
    metadata: Arc<ModelMetadata>,
    file_sha256: Arc<str>,
    plan: Arc<TypedRunnableModel>,
    cores: Cores,
    /// With our operators, the sides of a grid must be a multiple of this.
    unit: Option<usize>,
    gpu: Option<Arc<Gpu>>,
    /// Why a requested GPU is not used.
    no_gpu: Option<Arc<str>>,
}

impl Network {
    /// Loads a model that this build includes.
    ///
    /// # Errors
    /// [`ModelError::NotEmbedded`] in a build without the feature `embedded-model`.
    pub fn shipped(model: ShippedModel) -> Result<Self, ModelError> {
        Self::shipped_on(model, Device::Cpu)
    }

    /// The same, for a device.
    ///
    /// # Errors
    /// [`ModelError::NotEmbedded`] as [`Network::shipped`], [`ModelError::Device`] as [`Network::from_bytes_on`].
    pub fn shipped_on(model: ShippedModel, device: Device) -> Result<Self, ModelError> {
        #[cfg(feature = "embedded-model")]
        return Self::from_bytes_on(model.file(), Arithmetic::Fastest, device);
        #[cfg(not(feature = "embedded-model"))]
        return Err(match device {
            Device::Auto | Device::Cpu | Device::Cuda(_) => ModelError::NotEmbedded(model.name()),
        });
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`] when the file cannot be read, is no ONNX model that tract can run, or lacks its metadata.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::load_on(path, Device::Cpu)
    }

    /// The same, for a device.
    ///
    /// # Errors
    /// As [`Network::load`], and [`ModelError::Device`] as [`Network::from_bytes_on`].
    pub fn load_on(path: &Path, device: Device) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
        Self::from_bytes_on(&bytes, Arithmetic::Fastest, device)
    }

    /// Reads a model from the content of its file, for the input size that it states.
    ///
    /// # Errors
    /// As [`Network::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_bytes_with(bytes, Arithmetic::Fastest)
    }

    /// The same, with a choice of operators for the CPU.
    ///
    /// # Errors
    /// As [`Network::load`].
    pub fn from_bytes_with(bytes: &[u8], arithmetic: Arithmetic) -> Result<Self, ModelError> {
        Self::from_bytes_on(bytes, arithmetic, Device::Cpu)
    }

    /// The same, for a device. If a GPU is not available or fails later, the CPU computes; [`Network::no_gpu`] and
    /// [`Network::on_gpu_failure`] give the reason.
    ///
    /// # Errors
    /// As [`Network::load`], and [`ModelError::Device`] for a GPU that this build can never use.
    pub fn from_bytes_on(bytes: &[u8], arithmetic: Arithmetic, device: Device) -> Result<Self, ModelError> {
        let load = |e: TractError| ModelError::Load(format!("{e:#}"));
        let proto = ModelProto::decode(bytes).map_err(|e| ModelError::Load(e.to_string()))?;
        let metadata =
            ModelMetadata::from_properties(proto.metadata_props.iter().map(|p| (p.key.as_str(), p.value.as_str())))?;
        let InputSize { width, height } = metadata.input;
        let model = onnx::graph(bytes, metadata.input)?.into_decluttered().map_err(load)?;
        let output = model.output_fact(0).map_err(load)?.shape.as_concrete().map(<[usize]>::to_vec);
        if output.as_deref() != Some(&[1, CLASSES, height, width]) {
            return Err(ModelError::Load(format!("the output is {output:?}, not 1 x {CLASSES} x {height} x {width}")));
        }
        let file_sha256 = hex::encode(Sha256::digest(bytes));
        let (gpu, no_gpu) = match Gpu::on(device)?.map(|number| Gpu::prepare(number, model.clone())) {
            None => (None, None),
            Some(Ok(gpu)) => (Some(Arc::new(gpu)), None),
            Some(Err(reason)) => (None, Some(reason.into())),
        };
        let cores = Cores::new(std::thread::available_parallelism().map_or(1, usize::from));
        let level = Level::new();
        let ours = match arithmetic {
            // Without SIMD, tract's own operators are faster than ours.
            Arithmetic::Fastest if !level.is_fallback() => {
                translate(&model, &Machine { level, cores: cores.clone(), pool: Pool::default() }).map_err(load)?
            }
            _ => None,
        };
        let unit = ours.as_ref().map(|ours| ours.unit);
        let plan = match ours {
            Some(ours) => ours.model.into_runnable(),
            None => model.into_optimized().and_then(TypedModel::into_runnable),
        }
        .map_err(load)?;
        Ok(Self { metadata: Arc::new(metadata), file_sha256: file_sha256.into(), plan, cores, unit, gpu, no_gpu })
    }

    /// Limits this network and its clones to `threads` threads at a time; the default is every core.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        self.cores.set(threads);
        self
    }

    /// Maximum threads of this network and its clones.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.cores.number()
    }

    /// Whether a GPU computes; false once it failed.
    #[must_use]
    pub fn is_on_gpu(&self) -> bool {
        self.gpu.as_ref().is_some_and(|gpu| gpu.is_alive())
    }

    /// Why a requested GPU is not used.
    #[must_use]
    pub fn no_gpu(&self) -> Option<&str> {
        self.no_gpu.as_deref()
    }

    /// Calls `tell` once with the reason if the GPU fails; the CPU has taken over by then.
    pub fn on_gpu_failure(&self, tell: impl Fn(String) + Send + Sync + 'static) {
        if let Some(gpu) = &self.gpu {
            gpu.on_failure(Box::new(tell));
        }
    }

    /// On a GPU, names of the operators that still run on the CPU, and the number of all operators.
    #[must_use]
    pub fn left_on_cpu(&self) -> Option<(Vec<String>, usize)> {
        self.gpu.as_ref().map(|gpu| gpu.on_cpu())
    }

    /// Number that the sides of a grid must be a multiple of, if they may differ from the size that the model states.
    fn unit(&self) -> Option<usize> {
        self.unit.filter(|_| !self.is_on_gpu())
    }

    /// Whether our operators compute on the CPU.
    #[must_use]
    pub const fn is_accelerated(&self) -> bool {
        self.unit.is_some()
    }

    /// Metadata of the model.
    #[must_use]
    pub fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    /// SHA-256 of the model file, hexadecimal; results include it.
    #[must_use]
    pub fn file_sha256(&self) -> &str {
        &self.file_sha256
    }

    /// Class scores for a B-scan, and the position of the scan on their grid.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails.
    pub fn run(&self, bscan: &BScan) -> Result<(Logits, Placement), ModelError> {
        let placement = self.placement(bscan);
        Ok((self.run_on(&placement, &placement.prepare(bscan))?, placement))
    }

    /// Position of a whole B-scan on this network's grid.
    #[must_use]
    pub fn placement(&self, bscan: &BScan) -> Placement {
        let placement = Placement::new(bscan.width, bscan.height, self.metadata.input);
        self.unit().map_or(placement, |unit| placement.tight(unit))
    }

    /// `whole` restricted to the rows in `band`, if the network accepts grids of several sizes.
    #[must_use]
    pub fn placement_on_band(&self, whole: Placement, band: &Range<usize>) -> Placement {
        self.unit().map_or(whole, |unit| whole.on_band(band, unit))
    }

    /// Class scores for a scan that [`Placement::prepare`] made.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails.
    pub fn run_on(&self, placement: &Placement, prepared: &[f32]) -> Result<Logits, ModelError> {
        self.enter().run_on(placement, prepared)
    }

    /// Class scores for an input of the size that the model states: `input.height * input.width` values.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the input has another size or the network fails.
    pub fn run_input(&self, input: &[f32]) -> Result<Logits, ModelError> {
        self.enter().run_grid(self.metadata.input, input)
    }

    /// Waits for a core for one more run of this network and its clones.
    #[must_use]
    pub fn enter(&self) -> RunPermit<'_> {
        RunPermit { network: self, run: self.cores.enter() }
    }
}

/// Permission to run a network and to use its threads until dropped.
pub struct RunPermit<'a> {
    network: &'a Network,
    run: Run<'a>,
}

impl RunPermit<'_> {
    /// The threads that this permit may use now, at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.run.share()
    }

    /// As [`Network::run_on`].
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails.
    pub fn run_on(&self, placement: &Placement, prepared: &[f32]) -> Result<Logits, ModelError> {
        self.run_grid(placement.input, &placement.lay(prepared))
    }

    fn run_grid(&self, InputSize { width, height }: InputSize, input: &[f32]) -> Result<Logits, ModelError> {
        let run = |e: TractError| ModelError::Run(format!("{e:#}"));
        let tensor = Tensor::from_shape(&[1, 1, height, width], input).map_err(run)?;
        if let Some(scores) = self.network.gpu.as_ref().and_then(|gpu| gpu.run(&tensor)) {
            return Logits::new(width, height, scores).ok_or_else(other_size);
        }
        let output = self.network.plan.run(tvec!(tensor.into())).map_err(run)?;
        let values = match output[0].storage_as::<Held<Arc<Buffer>>>() {
            Some(Held(scores)) => scores.clone(),
            None => Arc::new(output[0].view().as_slice::<f32>().map_err(run)?.to_vec().into()),
        };
        Logits::shared(width, height, values).ok_or_else(other_size)
    }
}

fn other_size() -> ModelError {
    ModelError::Run("the output has an unexpected size".to_owned())
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use super::*;
    use crate::phantom::{Phantom, PhantomOptions};

    /// Mean and largest difference between our scores and those of tract's own operators.
    fn differences(model: ShippedModel) -> (f32, f32) {
        let bscan = Phantom::generate(&PhantomOptions::spectralis(), 5).bscan;
        let ours = Network::shipped(model).expect("a model");
        assert!(ours.is_accelerated(), "{} has an operator that ours do not cover", model.name());
        let tract = Network::from_bytes_with(model.file(), Arithmetic::Tract).expect("a model");
        assert!(!tract.is_accelerated());
        let input = Placement::new(bscan.width, bscan.height, ours.metadata().input).place(&bscan);
        let (ours, tract) = (ours.run_input(&input).expect("scores"), tract.run_input(&input).expect("scores"));
        let differences = ours.values().iter().zip(tract.values()).map(|(a, b)| (a - b).abs());
        let largest = differences.clone().fold(0.0, f32::max);
        (differences.sum::<f32>() / ours.values().len() as f32, largest)
    }

    #[test]
    fn our_operators_give_the_scores_of_tract() {
        for model in ShippedModel::ALL {
            let (mean, largest) = differences(model);
            assert!(mean < 1e-4 && largest < 5e-3, "{}: mean {mean}, largest {largest}", model.name());
        }
    }
}
