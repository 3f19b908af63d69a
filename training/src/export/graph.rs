//! Translates recorded operations to ONNX nodes.

use std::collections::{BTreeMap, HashMap, HashSet};

use burn::{
    backend::ir::{
        ActivationOperationIr as Activation, BaseOperationIr as Base, ModuleOperationIr as Module, OperationIr as Op,
        ScalarIr, TensorIr,
    },
    tensor::{TensorData, TensorId},
};
use octrls_core::{
    layer::CLASSES,
    lesion::LESION_CLASSES,
    network::{
        OUTPUT_LAYERS, OUTPUT_LESIONS,
        proto::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto},
    },
};

use super::{error::ExportError, fold::fold_batch_norms, trace::Trace};

/// Name of the graph's input.
const INPUT: &str = "input";
/// Names of the graph's outputs.
const OUTPUTS: [&str; 2] = [OUTPUT_LAYERS, OUTPUT_LESIONS];

/// The ONNX graph of a recorded forward pass, with batch normalisations folded into the convolutions before them.
pub(super) fn graph(trace: Trace, [n, channels, height, width]: [usize; 4]) -> Result<GraphProto, ExportError> {
    let Trace { graph, mut names, input, outputs } = trace;
    names.insert(input, INPUT.to_owned());
    names.extend(outputs.iter().copied().zip(OUTPUTS.map(str::to_owned)));
    let mut values = graph.values;
    values.remove(&input);
    let mut builder = Builder { nodes: Vec::new(), weights: BTreeMap::new(), values, names };
    for operation in &graph.graph.operations {
        builder.add(operation)?;
    }
    let Builder { mut nodes, mut weights, .. } = builder;
    fold_batch_norms(&mut nodes, &mut weights)?;
    let used: HashSet<&str> = nodes.iter().flat_map(|n| &n.input).map(String::as_str).collect();
    weights.retain(|name, _| used.contains(name.as_str()));
    Ok(GraphProto {
        name: "unet".to_owned(),
        input: vec![ValueInfoProto::new(INPUT, &[n, channels, height, width])],
        output: outputs
            .iter()
            .zip(OUTPUTS.into_iter().zip([CLASSES, LESION_CLASSES]))
            .map(|(_, (name, classes))| ValueInfoProto::new(name, &[n, classes, height, width]))
            .collect(),
        initializer: weights.into_values().collect(),
        node: nodes,
    })
}

struct Builder {
    nodes: Vec<NodeProto>,
    weights: BTreeMap<String, TensorProto>,
    values: BTreeMap<TensorId, TensorData>,
    names: HashMap<TensorId, String>,
}

impl Builder {
    fn add(&mut self, operation: &Op) -> Result<(), ExportError> {
        match operation {
            // Bookkeeping of the recording, not computation.
            Op::Init(_) | Op::Drop(_) => Ok(()),
            Op::Module(Module::Conv2d(c)) => {
                let [(top, bottom), (left, right)] = c.options.padding;
                let attributes = vec![
                    ints("kernel_shape", kernel(&c.weight)),
                    ints("strides", c.options.stride),
                    ints("pads", [top, left, bottom, right]),
                    ints("dilations", c.options.dilation),
                    int("group", c.options.groups),
                ];
                self.node("Conv", [&c.x, &c.weight].into_iter().chain(c.bias.as_ref()), &c.out, attributes)
            }
            Op::Module(Module::ConvTranspose2d(c)) => {
                let [h, w] = c.options.padding;
                let attributes = vec![
                    ints("kernel_shape", kernel(&c.weight)),
                    ints("strides", c.options.stride),
                    ints("pads", [h, w, h, w]),
                    ints("dilations", c.options.dilation),
                    ints("output_padding", c.options.padding_out),
                    int("group", c.options.groups),
                ];
                self.node("ConvTranspose", [&c.x, &c.weight].into_iter().chain(c.bias.as_ref()), &c.out, attributes)
            }
            Op::Module(Module::MaxPool2d(p)) => {
                let [h, w] = p.padding;
                let attributes = vec![
                    ints("kernel_shape", p.kernel_size),
                    ints("strides", p.stride),
                    ints("pads", [h, w, h, w]),
                    ints("dilations", p.dilation),
                    int("ceil_mode", usize::from(p.ceil_mode)),
                ];
                self.node("MaxPool", [&p.x], &p.out, attributes)
            }
            Op::Module(Module::BatchNorm(b)) => {
                let epsilon = AttributeProto::float("epsilon", scalar(&b.epsilon));
                self.node("BatchNormalization", [&b.x, &b.gamma, &b.beta, &b.mean, &b.variance], &b.out, vec![epsilon])
            }
            Op::Activation(Activation::Relu(r)) => self.node("Relu", [&r.input], &r.out, Vec::new()),
            Op::BaseFloat(Base::Cat(c)) => self.node("Concat", &c.tensors, &c.out, vec![int("axis", c.dim)]),
            other => Err(ExportError::UnsupportedOperation(format!("{other:?}").chars().take(200).collect())),
        }
    }

    fn node<'a>(
        &mut self,
        op_type: &str,
        inputs: impl IntoIterator<Item = &'a TensorIr>,
        output: &TensorIr,
        attribute: Vec<AttributeProto>,
    ) -> Result<(), ExportError> {
        let input = inputs.into_iter().map(|t| self.input(t)).collect::<Result<_, _>>()?;
        self.nodes.push(NodeProto {
            name: format!("{op_type}_{}", self.nodes.len()),
            op_type: op_type.to_owned(),
            input,
            output: vec![self.name(output)],
            attribute,
            ..NodeProto::default()
        });
        Ok(())
    }

    /// Name of a node's input; adds a weight to the initialisers.
    fn input(&mut self, tensor: &TensorIr) -> Result<String, ExportError> {
        let name = self.name(tensor);
        if let Some(data) = self.values.get(&tensor.id)
            && !self.weights.contains_key(&name)
        {
            let dims: Vec<usize> = data.shape().iter().copied().collect();
            let values = data.clone().convert::<f32>().try_to_vec().map_err(|e| ExportError::Trace(e.to_string()))?;
            self.weights.insert(name.clone(), TensorProto::new(&name, &dims, &values));
        }
        Ok(name)
    }

    fn name(&self, tensor: &TensorIr) -> String {
        self.names.get(&tensor.id).cloned().unwrap_or_else(|| format!("t{}", tensor.id.value()))
    }
}

fn ints<const N: usize>(name: &str, values: [usize; N]) -> AttributeProto {
    AttributeProto::ints(name, &values.map(|v| v as i64))
}

fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto::int(name, value as i64)
}

fn kernel(weight: &TensorIr) -> [usize; 2] {
    [weight.shape[2], weight.shape[3]]
}

fn scalar(value: &ScalarIr) -> f32 {
    match value {
        ScalarIr::Float(v) => *v as f32,
        ScalarIr::Int(v) => *v as f32,
        ScalarIr::UInt(v) => *v as f32,
        ScalarIr::Bool(v) => f32::from(u8::from(*v)),
    }
}
