//! Errors of loading or running a model.

use std::path::PathBuf;

use super::ShippedModel;
use crate::ErrorCode;

/// Error of loading or running a model. Each kind has a stable [`code`](ModelError::code).
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The model file could not be read.
    #[error("cannot read the model file {path}; included models are {}: {source}", included(), path = path.display())]
    Io {
        /// The model file.
        path: PathBuf,
        /// Error from the operating system.
        source: std::io::Error,
    },
    /// The file is no ONNX model, or one that the runtime cannot execute.
    #[error("cannot load the model: {0}")]
    Load(String),
    /// The model's metadata is missing or unsuitable.
    #[error("unusable model metadata: {key}: {reason}")]
    Metadata {
        /// The metadata key.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The network failed on an input.
    #[error("the network failed: {0}")]
    Run(String),
    /// This build cannot use the device, whatever the machine has.
    #[error("{0}")]
    Device(String),
    /// This build includes no model.
    #[error("this build does not include {0}; give a model file with --model FILE")]
    NotEmbedded(&'static str),
}

fn included() -> String {
    ShippedModel::ALL.map(ShippedModel::name).join(" and ")
}

impl ModelError {
    /// Code that stays the same across versions.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Io { .. } => ErrorCode::ModelIo,
            Self::Load(_) => ErrorCode::ModelLoad,
            Self::Metadata { .. } => ErrorCode::ModelMetadata,
            Self::Run(_) => ErrorCode::ModelRun,
            Self::Device(_) => ErrorCode::ModelDevice,
            Self::NotEmbedded(_) => ErrorCode::ModelNotEmbedded,
        }
    }
}
