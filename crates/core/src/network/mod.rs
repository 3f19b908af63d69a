//! The network: model metadata, conversion of a B-scan to its input, and execution.

mod calibration;
mod device;
mod error;
mod flat_border;
mod fuse;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
#[path = "no_gpu.rs"]
mod gpu;
mod logits;
mod metadata;
mod onnx;
mod operators;
mod panics;
mod placement;
pub mod proto;
mod retina_crop;
mod runtime;
mod shipped;
mod translate;

pub use calibration::{Calibration, Interval};
pub use device::Device;
pub use error::ModelError;
pub use logits::Logits;
pub use metadata::{InputSize, ModelMetadata, Preprocessing};
pub use placement::Placement;
pub use retina_crop::retina_crop;

/// Name of the output with the scores of the layers.
pub const OUTPUT_LAYERS: &str = "logits";
/// Name of the output with the scores of the lesions, which older models lack.
pub const OUTPUT_LESIONS: &str = "lesions";
pub use runtime::{CpuOperators, Network, RunPermit};
pub use shipped::ShippedModel;
