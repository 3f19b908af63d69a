//! Reads ONNX files with tract.
//!
//! tract may panic on a file that contradicts itself. Since users can load models of their own, each step that looks at
//! the file's content turns a panic into an error.

use std::sync::Arc;

use tract_core::{ops::array::TypedConcat, prelude::*};
use tract_onnx::prelude::{Framework, InferenceModelExt};

use super::{InputSize, ModelError, panics::catch_silently};
use crate::{layer::CLASSES, lesion::LESION_CLASSES};

/// Most values of a tensor; about twice what a wide network needs for the largest input.
const MAX_VALUES: usize = 1 << 30;

/// The decluttered graph of the model `file` for one image of one channel and of `size`. Its output has the scores of
/// the layers and, if the file has a second output, after them those of the lesions.
///
/// # Errors
/// [`ModelError::Load`] when tract cannot read the file or infer its shapes, or an output is not one map of scores for
/// each of its classes.
pub(super) fn graph(file: &[u8], size: InputSize) -> Result<TypedModel, ModelError> {
    let InputSize { width, height } = size;
    let model = checked(|| {
        let model = tract_onnx::onnx().model_for_read(&mut &*file)?;
        model.with_input_fact(0, f32::fact([1, 1, height, width]).into())?.into_typed()
    })?;
    check_sizes(&model)?;
    let mut model = checked(|| model.into_decluttered())?;
    let outputs = checked(|| Ok(model.output_outlets()?.to_vec()))?;
    for (output, classes) in outputs.iter().zip([CLASSES, LESION_CLASSES]) {
        let shape = checked(|| Ok(model.outlet_fact(*output)?.shape.as_concrete().map(<[usize]>::to_vec)))?;
        if shape.as_deref() != Some(&[1, classes, height, width]) {
            return Err(ModelError::Load(format!("an output is {shape:?}, not 1 x {classes} x {height} x {width}")));
        }
    }
    if let [layers, lesions] = *outputs.as_slice() {
        checked(|| {
            let all = model.wire_node("all-scores", TypedConcat::new(1), &[layers, lesions])?;
            model.select_output_outlets(&all)
        })?;
    }
    Ok(model)
}

/// Refuses tensors so large that tract would run out of memory, which ends the process.
fn check_sizes(model: &TypedModel) -> Result<(), ModelError> {
    for node in &model.nodes {
        for output in &node.outputs {
            let shape = &output.fact.shape;
            let values = shape.as_concrete().and_then(|dims| dims.iter().try_fold(1_usize, |n, &d| n.checked_mul(d)));
            if values.is_none_or(|values| values > MAX_VALUES) {
                return Err(ModelError::Load(format!("the output {shape:?} of its node {} is too large", node.name)));
            }
        }
    }
    Ok(())
}

/// Prepares `model` to run with tract's own operators.
///
/// # Errors
/// [`ModelError::Load`] when tract cannot.
pub(super) fn optimized(model: TypedModel) -> Result<Arc<TypedRunnableModel>, ModelError> {
    checked(|| model.into_optimized()?.into_runnable())
}

/// Runs a step of tract's; its errors and panics become [`ModelError::Load`].
fn checked<T>(step: impl FnOnce() -> TractResult<T>) -> Result<T, ModelError> {
    match catch_silently(step) {
        Ok(result) => result.map_err(|e| ModelError::Load(format!("{e:#}"))),
        Err(panic) => Err(ModelError::Load(format!("tract panicked: {panic}"))),
    }
}

#[cfg(test)]
mod tests;
