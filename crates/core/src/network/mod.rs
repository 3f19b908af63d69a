//! The network: model metadata, conversion of a B-scan to its input, and execution.

mod calibration;
mod device;
mod error;
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
pub use runtime::{CpuOperators, Network, RunPermit};
pub use shipped::ShippedModel;
