//! Loads a model and runs it with tract.

use std::{ops::Range, path::Path, sync::Arc};

use fearless_simd::Level;
use octrls_kernel::{Buffer, BufferPool, CorePermit, Cores};
use prost::Message;
use sha2::{Digest as _, Sha256};
use tract_core::prelude::*;

use crate::scan::BScan;

use super::{
    Device, InputSize, Logits, ModelError, ModelMetadata, Placement, Preprocessing, ShippedModel,
    gpu::Gpu,
    onnx,
    operators::{ExecContext, TensorBox},
    panics::catch_silently,
    proto::ModelProto,
    translate::translate,
};

/// The operators that compute on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuOperators {
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
    /// With our operators, the number that the sides of a grid must be a multiple of.
    grid_multiple: Option<usize>,
    gpu: Option<Arc<Gpu>>,
    /// Why a requested GPU is not used.
    gpu_error: Option<Arc<str>>,
}

impl Network {
    /// Loads a model that this build includes.
    ///
    /// # Errors
    /// [`ModelError::NotEmbedded`] in a build without the feature `embedded-model`.
    pub fn shipped(model: ShippedModel) -> Result<Self, ModelError> {
        Self::shipped_on(model, Device::Cpu)
    }

    /// Loads a model that this build includes, for a device.
    ///
    /// # Errors
    /// [`ModelError::NotEmbedded`] as [`Network::shipped`], [`ModelError::Device`] as [`Network::from_bytes_with`].
    pub fn shipped_on(model: ShippedModel, device: Device) -> Result<Self, ModelError> {
        #[cfg(feature = "embedded-model")]
        return Self::from_bytes_with(model.file(), CpuOperators::Fastest, device);
        #[cfg(not(feature = "embedded-model"))]
        return Err(match device {
            Device::Auto | Device::Cpu | Device::Cuda(_) => ModelError::NotEmbedded(model.name()),
        });
    }

    /// Loads a model file.
    ///
    /// # Errors
    /// [`ModelError`] when the file cannot be read, is no ONNX model that tract can run, or lacks its metadata.
    ///
    /// # Examples
    /// ```no_run
    /// use std::path::Path;
    ///
    /// use octrls_core::network::Network;
    ///
    /// let network = Network::load(Path::new("models/edge.onnx"))?;
    /// println!("{} {}", network.metadata().name, network.metadata().version);
    /// # Ok::<(), octrls_core::network::ModelError>(())
    /// ```
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::load_on(path, Device::Cpu)
    }

    /// Loads a model file, for a device.
    ///
    /// # Errors
    /// As [`Network::load`], and [`ModelError::Device`] as [`Network::from_bytes_with`].
    pub fn load_on(path: &Path, device: Device) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
        Self::from_bytes_with(&bytes, CpuOperators::Fastest, device)
    }

    /// Loads a model from the content of its file, for the input size that it states.
    ///
    /// # Errors
    /// As [`Network::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_bytes_with(bytes, CpuOperators::Fastest, Device::Cpu)
    }

    /// Loads a model from the content of its file, with a choice of operators for the CPU and of the device. If a GPU
    /// is not available or fails later, the CPU computes; [`Network::gpu_error`] and [`Network::on_gpu_failure`] give
    /// the reason.
    ///
    /// # Errors
    /// As [`Network::load`], and [`ModelError::Device`] for a GPU that this build can never use.
    pub fn from_bytes_with(bytes: &[u8], operators: CpuOperators, device: Device) -> Result<Self, ModelError> {
        let proto = ModelProto::decode(bytes).map_err(|e| ModelError::Load(e.to_string()))?;
        let metadata =
            ModelMetadata::from_properties(proto.metadata_props.iter().map(|p| (p.key.as_str(), p.value.as_str())))?;
        let model = onnx::graph(bytes, metadata.input)?;
        let file_sha256 = hex::encode(Sha256::digest(bytes));
        let (gpu, gpu_error) = match Gpu::on(device)?.map(|number| Gpu::prepare(number, model.clone())) {
            None => (None, None),
            Some(Ok(gpu)) => (Some(Arc::new(gpu)), None),
            Some(Err(reason)) => (None, Some(reason.into())),
        };
        let cores = Cores::new(std::thread::available_parallelism().map_or(1, usize::from));
        let level = Level::new();
        let load = |e: TractError| ModelError::Load(format!("{e:#}"));
        let ours = match operators {
            // Without SIMD, tract's own operators are faster than ours.
            CpuOperators::Fastest if !level.is_fallback() => {
                let context = ExecContext { level, cores: cores.clone(), pool: BufferPool::default() };
                translate(&model, &context).map_err(load)?
            }
            _ => None,
        };
        let grid_multiple = ours.as_ref().map(|ours| ours.size_multiple);
        let plan = match ours {
            Some(ours) => ours.model.into_runnable().map_err(load)?,
            None => onnx::optimized(model)?,
        };
        let (metadata, file_sha256) = (Arc::new(metadata), file_sha256.into());
        Ok(Self { metadata, file_sha256, plan, cores, grid_multiple, gpu, gpu_error })
    }

    /// Limits this network and its clones to `threads` threads at a time; the default is every core.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        self.cores.set_count(threads);
        self
    }

    /// Maximum threads of this network and its clones.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.cores.count()
    }

    /// Whether a GPU computes; false once it failed.
    #[must_use]
    pub fn is_on_gpu(&self) -> bool {
        self.gpu.as_ref().is_some_and(|gpu| gpu.is_alive())
    }

    /// Why a requested GPU is not used.
    #[must_use]
    pub fn gpu_error(&self) -> Option<&str> {
        self.gpu_error.as_deref()
    }

    /// Calls `callback` once with the reason if the GPU fails; the CPU has taken over by then.
    pub fn on_gpu_failure(&self, callback: impl Fn(String) + Send + Sync + 'static) {
        if let Some(gpu) = &self.gpu {
            gpu.on_failure(Box::new(callback));
        }
    }

    /// On a GPU, names of the operators that still run on the CPU, and the number of all operators.
    #[must_use]
    pub fn operators_on_cpu(&self) -> Option<(Vec<String>, usize)> {
        self.gpu.as_ref().map(|gpu| gpu.operators_on_cpu())
    }

    /// Number that the sides of a grid must be a multiple of, if they may differ from the size that the model states.
    fn grid_multiple(&self) -> Option<usize> {
        self.grid_multiple.filter(|_| !self.is_on_gpu())
    }

    /// Whether our operators compute on the CPU.
    #[must_use]
    pub const fn is_accelerated(&self) -> bool {
        self.grid_multiple.is_some()
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
        Ok((self.run_prepared(&placement, &placement.prepare(bscan))?, placement))
    }

    /// Position of a whole B-scan on this network's grid, at the scan's own scale.
    #[must_use]
    pub fn placement(&self, bscan: &BScan) -> Placement {
        self.placement_enlarged(bscan, 1.0)
    }

    /// Position of a whole B-scan that is enlarged by `factor`. A model that enlarges scans of few rows by itself ignores
    /// the factor.
    #[must_use]
    pub fn placement_enlarged(&self, bscan: &BScan, factor: f32) -> Placement {
        let (width, height, input) = (bscan.width, bscan.height, self.metadata.input);
        let placement = match self.metadata.preprocessing {
            Preprocessing::FitCentreStandardise => Placement::enlarged(width, height, input),
            Preprocessing::ShrinkCentreStandardise => Placement::scaled(width, height, input, factor),
        };
        self.grid_multiple().map_or(placement, |multiple| placement.on_smallest_grid(multiple))
    }

    /// `whole` restricted to the rows in `crop`, if the network accepts grids of several sizes.
    #[must_use]
    pub fn cropped_placement(&self, whole: Placement, crop: &Range<usize>) -> Placement {
        self.grid_multiple().map_or(whole, |multiple| whole.cropped(crop, multiple))
    }

    /// Class scores for a scan that [`Placement::prepare`] made.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails.
    pub fn run_prepared(&self, placement: &Placement, prepared: &[f32]) -> Result<Logits, ModelError> {
        self.acquire().run_prepared(placement, prepared)
    }

    /// Class scores for an input of the size that the model states: `input.height * input.width` values.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the input has another size or the network fails.
    pub fn run_input(&self, input: &[f32]) -> Result<Logits, ModelError> {
        self.acquire().run_grid(self.metadata.input, input)
    }

    /// Waits for a free core for one more run of this network and its clones.
    #[must_use]
    pub fn acquire(&self) -> RunPermit<'_> {
        RunPermit { network: self, cores: self.cores.acquire() }
    }
}

/// Permission to run a network and to use its threads until dropped.
pub struct RunPermit<'a> {
    network: &'a Network,
    cores: CorePermit<'a>,
}

impl RunPermit<'_> {
    /// The threads that this permit may use now, at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.cores.threads()
    }

    /// As [`Network::run_prepared`].
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails.
    pub fn run_prepared(&self, placement: &Placement, prepared: &[f32]) -> Result<Logits, ModelError> {
        self.run_grid(placement.input, &placement.input_of_prepared(prepared))
    }

    fn run_grid(&self, InputSize { width, height }: InputSize, input: &[f32]) -> Result<Logits, ModelError> {
        let run = |e: TractError| ModelError::Run(format!("{e:#}"));
        let tensor = Tensor::from_shape(&[1, 1, height, width], input).map_err(run)?;
        if let Some(scores) = self.network.gpu.as_ref().and_then(|gpu| gpu.run(&tensor)) {
            return Logits::new(width, height, scores).ok_or_else(other_size);
        }
        // tract may panic on the operators of a user's model.
        let output = catch_silently(|| self.network.plan.run(tvec!(tensor.into())))
            .map_err(|panic| ModelError::Run(format!("tract panicked: {panic}")))?
            .map_err(run)?;
        let values = match output[0].storage_as::<TensorBox<Arc<Buffer>>>() {
            Some(TensorBox(scores)) => scores.clone(),
            None => Arc::new(output[0].view().as_slice::<f32>().map_err(run)?.to_vec().into()),
        };
        Logits::from_buffer(width, height, values).ok_or_else(other_size)
    }
}

fn other_size() -> ModelError {
    ModelError::Run("the output has an unexpected size".to_owned())
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use super::*;
    use crate::phantom::{Phantom, PhantomOptions};

    #[test]
    fn every_shipped_model_loads_and_bears_its_name() {
        for model in ShippedModel::ALL {
            let network = Network::shipped(model).expect("a model that loads");
            assert_eq!(network.metadata().name, model.name());
            assert_eq!(ShippedModel::by_name(model.name()), Some(model));
        }
        assert_eq!(ShippedModel::by_name("model.onnx"), None);
    }

    /// Mean and largest difference between our scores and those of tract's own operators.
    fn differences(model: ShippedModel) -> (f32, f32) {
        let bscan = Phantom::generate(&PhantomOptions::spectralis(), 5).bscan;
        let ours = Network::shipped(model).expect("a model");
        assert!(ours.is_accelerated(), "{} has an operator that ours do not cover", model.name());
        let tract = Network::from_bytes_with(model.file(), CpuOperators::Tract, Device::Cpu).expect("a model");
        assert!(!tract.is_accelerated());
        let input = Placement::new(bscan.width, bscan.height, ours.metadata().input).input_of(&bscan);
        let (ours, tract) = (ours.run_input(&input).expect("scores"), tract.run_input(&input).expect("scores"));
        let differences = ours.values().iter().zip(tract.values()).map(|(a, b)| (a - b).abs());
        let largest = differences.clone().fold(0.0, f32::max);
        (differences.sum::<f32>() / ours.values().len() as f32, largest)
    }

    #[test]
    fn our_operators_give_the_same_scores_as_tract() {
        for model in ShippedModel::ALL {
            let (mean, largest) = differences(model);
            assert!(mean < 1e-4 && largest < 5e-3, "{}: mean {mean}, largest {largest}", model.name());
        }
    }
}
