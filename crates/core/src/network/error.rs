//! Why a model could not be loaded or run.

use std::path::PathBuf;

/// Why a model could not be loaded or run. Each kind has a stable [`code`](ModelError::code).
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The model file could not be read.
    #[error("cannot read the model {path}: {source}", path = path.display())]
    Io {
        /// The model file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no ONNX model, or one that the runtime cannot execute.
    #[error("the model cannot be loaded: {0}")]
    Load(String),
    /// The model lacks the description that this program needs, or describes something else.
    #[error("the model's description is not usable: {key}: {reason}")]
    Metadata {
        /// The metadata key.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The network failed on an input.
    #[error("the network failed: {0}")]
    Run(String),
    /// The device cannot be had, whatever the machine has.
    #[error("{0}")]
    Device(String),
    /// This build carries no model.
    #[error("this build does not carry {0}; name a file with --model FILE")]
    NotEmbedded(&'static str),
}

impl ModelError {
    /// A code that stays the same across versions.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "E-MODEL-IO",
            Self::Load(_) => "E-MODEL-LOAD",
            Self::Metadata { .. } => "E-MODEL-METADATA",
            Self::Run(_) => "E-MODEL-RUN",
            Self::Device(_) => "E-MODEL-DEVICE",
            Self::NotEmbedded(_) => "E-MODEL-NOT-EMBEDDED",
        }
    }
}
