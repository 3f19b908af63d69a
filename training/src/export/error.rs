//! Errors of exporting a network.

use crate::model::STRIDE;

/// An error of exporting a network.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The input size is not a multiple of the stride.
    #[error("invalid input size {width} x {height}: both must be multiples of {STRIDE}")]
    InputSize {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The forward pass could not be recorded.
    #[error("cannot record the forward pass: {0}")]
    Trace(String),
    /// The exporter has no translation for an operation.
    #[error("no ONNX operator for {0}")]
    UnsupportedOperation(String),
    /// A batch normalisation does not directly follow a convolution.
    #[error("cannot fold {0} into a convolution")]
    Fold(String),
    /// A weight is too large for 16-bit floats.
    #[error("weight {0} exceeds the range of 16-bit floats")]
    OutOfRange(String),
    /// The input is not an exported model.
    #[error("not an exported model: {0}")]
    NotExported(String),
    /// The models to average differ in architecture or convention.
    #[error("the networks differ in {0}")]
    Mismatch(String),
}
