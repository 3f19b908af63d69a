//! Converts an ONNX file to tract's graph.
//!
//! A UNet needs few of ONNX's operators, and its shapes follow from its input, so this module reads them itself. Other
//! models need tract-onnx, which brings all operators and infers shapes backwards, but adds 3 MB of code. The shipped
//! binary leaves it out (feature `every-operator`).

mod operators;
pub mod proto;
mod resize;
#[cfg(test)]
mod tests;
mod values;

use std::collections::HashMap;

use tract_core::{
    internal::{TractErrorContext, bail, ensure, format_err},
    prelude::*,
};

pub(super) use operators::OPERATORS;
use proto::{ModelProto, NodeProto};

use super::{InputSize, ModelError};

/// Builds the graph of a model whose input is one image of one channel; `file` is what `proto` was read from.
///
/// # Errors
/// [`ModelError::Operator`] when the model has an operator that this build does not support, [`ModelError::Load`] when
/// the model is of another kind, or tract cannot handle a node's inputs or attributes.
#[cfg_attr(
    not(feature = "every-operator"),
    expect(unused_variables, reason = "only tract's own reader parses it again")
)]
pub(super) fn graph(file: &[u8], proto: &ModelProto, size: InputSize) -> Result<TypedModel, ModelError> {
    let read = match foreign(proto) {
        None => read(proto, size),
        #[cfg(feature = "every-operator")]
        Some(_) => by_tract(file, size),
        #[cfg(not(feature = "every-operator"))]
        Some(node) => return Err(ModelError::Operator { node: name(node).to_owned(), operator: node.op_type.clone() }),
    };
    read.map_err(|e| ModelError::Load(format!("{e:#}")))
}

/// The graph as read by tract-onnx.
#[cfg(any(test, feature = "every-operator"))]
fn by_tract(mut file: &[u8], InputSize { width, height }: InputSize) -> TractResult<TypedModel> {
    use tract_onnx::prelude::{Framework, InferenceModelExt};

    let model = tract_onnx::onnx().model_for_read(&mut file)?;
    model.with_input_fact(0, f32::fact([1, 1, height, width]).into())?.into_typed()
}

/// The first node whose operator is not one of [`OPERATORS`].
fn foreign(proto: &ModelProto) -> Option<&NodeProto> {
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    nodes.into_iter().find(|node| !ours(&node.domain) || !OPERATORS.contains(&node.op_type.as_str()))
}

/// Reads the graph of a model whose nodes all use [`OPERATORS`].
fn read(proto: &ModelProto, InputSize { width, height }: InputSize) -> TractResult<TypedModel> {
    let graph = proto.graph.as_ref().ok_or_else(|| format_err!("the file has no graph"))?;
    let opset = proto.opset_import.iter().find(|import| ours(&import.domain)).map_or(0, |import| import.version);
    let mut reading = Reading { model: TypedModel::default(), outlets: HashMap::new(), opset };
    for tensor in &graph.initializer {
        let constant = reading.model.add_const(&tensor.name, values::tensor(tensor)?)?;
        reading.outlets.insert(&tensor.name, constant);
    }
    let mut images = graph.input.iter().filter(|input| !reading.outlets.contains_key(input.name.as_str()));
    let (Some(image), None) = (images.next(), images.next()) else { bail!("the model must have one input") };
    let source = reading.model.add_source(&image.name, f32::fact([1, 1, height, width]))?;
    reading.outlets.insert(&image.name, source);
    for node in &graph.node {
        reading.node(node).with_context(|| format!("node {} ({})", name(node), node.op_type))?;
    }
    let Some(output) = graph.output.first() else { bail!("the model has no output") };
    let Some(&output) = reading.outlets.get(output.name.as_str()) else { bail!("no node outputs {}", output.name) };
    reading.model.select_output_outlets(&[output])?;
    Ok(reading.model)
}

/// Whether `domain` is that of ONNX itself.
fn ours(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// The name of a node or, if it has none, of its first output.
fn name(node: &NodeProto) -> &str {
    match node.output.first() {
        Some(output) if node.name.is_empty() => output,
        _ => &node.name,
    }
}

struct Reading<'a> {
    model: TypedModel,
    /// The outlet of each value in the file.
    outlets: HashMap<&'a str, OutletId>,
    /// Version of ONNX's operator set.
    opset: i64,
}

impl<'a> Reading<'a> {
    fn node(&mut self, node: &'a NodeProto) -> TractResult<()> {
        // Omitted optional inputs may appear at the end with an empty name.
        let mut inputs = Vec::new();
        for value in &node.input {
            let outlet = self.outlets.get(value.as_str()).copied();
            ensure!(outlet.is_some() || value.is_empty(), "no earlier node outputs {value}");
            inputs.push(outlet);
        }
        let name = self.model.unique_name(name(node)).into_owned();
        let output = operators::wire(&mut self.model, self.opset, node, &name, &inputs)?;
        let fits = self.model.outlet_fact(output)?.shape.as_concrete().is_some();
        ensure!(fits, "the sizes of its inputs do not match");
        let unread = node.output.iter().skip(1).find(|value| !value.is_empty());
        ensure!(unread.is_none() || node.op_type == "Dropout", "it has more than one output");
        if let Some(value) = node.output.first() {
            self.outlets.insert(value, output);
        }
        Ok(())
    }
}
