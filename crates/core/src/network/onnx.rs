//! From an ONNX file to tract's graph.

use tract_core::prelude::*;
use tract_onnx::prelude::{Framework, InferenceModelExt};

use super::{InputSize, ModelError};

/// The graph of the model `file` for one image of one channel and of `size`.
///
/// # Errors
/// [`ModelError::Load`] when tract-onnx cannot read the file, or cannot infer its shapes.
pub(super) fn graph(file: &[u8], size: InputSize) -> Result<TypedModel, ModelError> {
    read(file, size).map_err(|e| ModelError::Load(format!("{e:#}")))
}

fn read(mut file: &[u8], InputSize { width, height }: InputSize) -> TractResult<TypedModel> {
    let model = tract_onnx::onnx().model_for_read(&mut file)?;
    model.with_input_fact(0, f32::fact([1, 1, height, width]).into())?.into_typed()
}
