//! Translates a model from tract's operators to ours.

use std::{collections::HashMap, sync::Arc};

use octrls_kernel::{Conv3x3, Head, Stem, UpConv};
use tract_core::{
    internal::{DimLike, ToDim, tvec},
    ops::{
        array::TypedConcat,
        binary::TypedBinOp,
        cnn::{Conv, Deconv, KernelFormat, MaxPool, PaddingSpec, PoolSpec},
        einsum::EinSum,
        konst::Const,
        math::{Add, Max},
        nn::DataFormat,
        source::TypedSource,
    },
    prelude::*,
};

use super::{
    fuse::fuse,
    operators::{ExecContext, Kernel, Operator},
};

/// Translates `model`, which is decluttered, to our operators. `None` unless it is a UNet that they cover: one input
/// image; 3 x 3 convolutions, each with ReLU; 2 x 2 maximum pooling after them; 2 x 2 up-convolutions; concatenated
/// channels; a 1 x 1 convolution to the scores.
///
/// # Errors
/// Those of tract.
pub(super) fn translate(model: &TypedModel, context: &ExecContext) -> TractResult<Option<Translated>> {
    let mut translation =
        Translation { from: model, to: TypedModel::default(), values: HashMap::new(), context, size_multiple: 1 };
    for node in model.eval_order()? {
        if translation.node(&model.nodes[node])?.is_none() {
            return Ok(None);
        }
    }
    let output = model.output_outlets()?[0];
    let Some(Value::Scores(scores)) = translation.values.remove(&output) else { return Ok(None) };
    if !Head::supports(scores.bias.len()) {
        return Ok(None);
    }
    let head = Kernel::Head(Head::new(scores.inputs, &scores.weights, &scores.bias));
    let scores = translation.wire(&model.nodes[output.node], head, &[scores.map])?[0];
    let Translation { mut to, size_multiple, .. } = translation;
    to.select_output_outlets(&[scores])?;
    fuse(&mut to, size_multiple, context)?;
    Ok(Some(Translated { model: to, size_multiple }))
}

/// A model in our operators.
pub(super) struct Translated {
    pub(super) model: TypedModel,
    /// Height and width of its images must be multiples of this, since every pooling halves them.
    pub(super) size_multiple: usize,
}

/// Translation of a value of the model.
#[derive(Clone)]
enum Value {
    Image(OutletId),
    /// Maps joined by channels.
    Maps(TVec<OutletId>),
    Scores(Scores),
}

/// A 1 x 1 convolution from a map to class scores, not yet part of the translated model.
#[derive(Clone)]
struct Scores {
    map: OutletId,
    inputs: usize,
    /// `[outputs][inputs]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

struct Translation<'a> {
    from: &'a TypedModel,
    to: TypedModel,
    values: HashMap<OutletId, Value>,
    context: &'a ExecContext,
    size_multiple: usize,
}

impl Translation<'_> {
    /// Translates a node and those fused with it; `None` if that is not possible.
    fn node(&mut self, node: &TypedNode) -> TractResult<Option<()>> {
        let out = OutletId::new(node.id, 0);
        if node.op_is::<Const>() || self.values.contains_key(&out) {
            return Ok(Some(()));
        }
        if let Some(source) = node.op_as::<TypedSource>() {
            // The operators accept any size that halves evenly down to the last level.
            let symbols = &self.to.symbols;
            let (height, width) = (symbols.sym("height"), symbols.sym("width"));
            let shape = [1.to_dim(), 1.to_dim(), height.to_dim(), width.to_dim()];
            let image = self.to.add_source(&node.name, source.fact.datum_type.fact(shape))?;
            self.values.insert(out, Value::Image(image));
            return Ok(Some(()));
        }
        if let Some(conv) = node.op_as::<Conv>() {
            return self.convolution(node, conv);
        }
        if let Some(deconv) = node.op_as::<Deconv>() {
            return self.up_convolution(node, deconv);
        }
        if let Some(einsum) = node.op_as::<EinSum>() {
            return self.head(node, einsum);
        }
        if let Some(concat) = node.op_as::<TypedConcat>() {
            if let Some(scores) = self.joined_scores(node).filter(|_| concat.axis == 1) {
                self.values.insert(out, Value::Scores(scores));
                return Ok(Some(()));
            }
            let parts: Option<Vec<TVec<OutletId>>> = node.inputs.iter().map(|i| self.maps(*i)).collect();
            let Some(parts) = parts.filter(|_| concat.axis == 1) else { return Ok(None) };
            self.values.insert(out, Value::Maps(parts.into_iter().flatten().collect()));
            return Ok(Some(()));
        }
        Ok(None)
    }

    fn convolution(&mut self, node: &TypedNode, conv: &Conv) -> TractResult<Option<()>> {
        let [input, weights, bias] = *node.inputs.as_slice() else { return Ok(None) };
        let pool = &conv.pool_spec;
        let plain = conv.group == 1
            && conv.q_params.is_none()
            && conv.kernel_fmt == KernelFormat::OIHW
            && has_window(pool, [3, 3], 1)
            && pool.padding == PaddingSpec::Explicit(tvec!(1, 1), tvec!(1, 1));
        let (inputs, outputs) = (pool.input_channels, pool.output_channels);
        let (Some(weights), Some(bias), Some(relu), true) =
            (self.constant(weights)?, self.bias(bias, outputs)?, self.relu(node)?, plain)
        else {
            return Ok(None);
        };
        if let Some(Value::Image(image)) = self.values.get(&input).cloned() {
            if inputs != 1 || !Stem::supports(outputs) {
                return Ok(None);
            }
            let map = self.wire(node, Kernel::Stem(Stem::new(&weights, &bias)), &[image])?;
            self.values.insert(relu, Value::Maps(map));
            return Ok(Some(()));
        }
        let Some(sources) = self.maps(input).filter(|_| Conv3x3::supports(inputs, outputs)) else { return Ok(None) };
        for source in &sources {
            if !Conv3x3::supports(self.to.outlet_fact(*source)?.shape[1].to_usize()?, outputs) {
                return Ok(None);
            }
        }
        let conv = Conv3x3::new(inputs, &weights, &bias);
        match self.pool(relu)? {
            None => {
                let map = self.wire(node, Kernel::Conv(conv), &sources)?;
                self.values.insert(relu, Value::Maps(map));
            }
            Some(pooled) => {
                let maps = self.wire(node, Kernel::ConvPool(conv), &sources)?;
                self.values.insert(relu, Value::Maps(tvec!(maps[0])));
                self.size_multiple *= 2;
                self.values.insert(pooled, Value::Maps(tvec!(maps[1])));
            }
        }
        Ok(Some(()))
    }

    fn up_convolution(&mut self, node: &TypedNode, deconv: &Deconv) -> TractResult<Option<()>> {
        let [input, weights, bias] = *node.inputs.as_slice() else { return Ok(None) };
        let pool = &deconv.pool_spec;
        let plain = deconv.group == 1
            && deconv.kernel_format == KernelFormat::OIHW
            && deconv.adjustments.iter().all(|&a| a == 0)
            && has_window(pool, [2, 2], 2)
            && unpadded(pool)
            && UpConv::supports(pool.output_channels);
        let bias = self.bias(bias, pool.output_channels)?;
        let (Some(weights), Some(bias), true) = (self.constant(weights)?, bias, plain) else {
            return Ok(None);
        };
        let Some(source) = self.maps(input).filter(|maps| maps.len() == 1) else { return Ok(None) };
        let map = self.wire(node, Kernel::Up(UpConv::new(pool.input_channels, &weights, &bias)), &source)?;
        self.values.insert(OutletId::new(node.id, 0), Value::Maps(map));
        Ok(Some(()))
    }

    /// tract writes a 1 x 1 convolution as a sum over channels plus a bias.
    fn head(&mut self, node: &TypedNode, einsum: &EinSum) -> TractResult<Option<()>> {
        let sums_channels = einsum.axes.to_string() == "NIHW,OI->NOHW";
        let (Some(next), true) = (self.from.single_succ(node.id)?, sums_channels && node.inputs.len() == 2) else {
            return Ok(None);
        };
        let adds = next.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Add>());
        let shape = &self.from.outlet_fact(node.inputs[1])?.shape;
        let (outputs, inputs) = (shape[0].to_usize()?, shape[1].to_usize()?);
        let bias = next.inputs.iter().map(|i| self.bias(*i, outputs)).find_map(TractResult::transpose).transpose()?;
        let (Some(weights), Some(bias), Some(maps), true) =
            (self.constant(node.inputs[1])?, bias, self.maps(node.inputs[0]), adds)
        else {
            return Ok(None);
        };
        let [map] = *maps.as_slice() else { return Ok(None) };
        self.values.insert(OutletId::new(next.id, 0), Value::Scores(Scores { map, inputs, weights, bias }));
        Ok(Some(()))
    }

    /// The scores that `node` joins, as those of one convolution, if all come from the same map.
    fn joined_scores(&self, node: &TypedNode) -> Option<Scores> {
        let mut joined: Option<Scores> = None;
        for input in &node.inputs {
            let Value::Scores(part) = self.values.get(input)? else { return None };
            match &mut joined {
                None => joined = Some(part.clone()),
                Some(scores) if scores.map == part.map => {
                    scores.weights.extend(&part.weights);
                    scores.bias.extend(&part.bias);
                }
                Some(_) => return None,
            }
        }
        joined
    }

    /// The outlet of the ReLU whose only input is the output of `node`, if nothing else reads that output.
    fn relu(&self, node: &TypedNode) -> TractResult<Option<OutletId>> {
        let Some(next) = self.from.single_succ(node.id)? else { return Ok(None) };
        let maximum = next.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Max>());
        let other = next.inputs.iter().find(|i| i.node != node.id);
        let zero = match other {
            Some(&other) => self.constant(other)?.is_some_and(|values| *values == [0.0]),
            None => false,
        };
        Ok((maximum && zero).then(|| OutletId::new(next.id, 0)))
    }

    /// The outlet of the 2 x 2 pooling of `map`, if it is pooled.
    fn pool(&self, map: OutletId) -> TractResult<Option<OutletId>> {
        for reader in &self.from.nodes[map.node].outputs[map.slot].successors {
            let node = &self.from.nodes[reader.node];
            if let Some(pool) = node.op_as::<MaxPool>()
                && pool.with_index_outputs.is_none()
                && has_window(&pool.pool_spec, [2, 2], 2)
                && unpadded(&pool.pool_spec)
            {
                let sides = |outlet| -> TractResult<[usize; 2]> {
                    let shape = &self.from.outlet_fact(outlet)?.shape;
                    Ok([shape[2].to_usize()?, shape[3].to_usize()?])
                };
                let out = OutletId::new(node.id, 0);
                if sides(map)? == sides(out)?.map(|side| 2 * side) {
                    return Ok(Some(out));
                }
            }
        }
        Ok(None)
    }

    fn maps(&self, outlet: OutletId) -> Option<TVec<OutletId>> {
        match self.values.get(&outlet)? {
            Value::Maps(maps) => Some(maps.clone()),
            Value::Image(_) | Value::Scores(_) => None,
        }
    }

    fn constant(&self, outlet: OutletId) -> TractResult<Option<Vec<f32>>> {
        let Some(tensor) = &self.from.outlet_fact(outlet)?.konst else { return Ok(None) };
        if tensor.len() == 0 {
            return Ok(None);
        }
        Ok(tensor.view().as_slice::<f32>().ok().map(<[f32]>::to_vec))
    }

    /// A constant as one value for each of `outputs` channels. tract writes a convolution without bias as one with a
    /// single zero.
    fn bias(&self, outlet: OutletId, outputs: usize) -> TractResult<Option<Vec<f32>>> {
        let shape = &self.from.outlet_fact(outlet)?.shape;
        // In a sum with an image, channels are the second axis.
        let per_channel = shape.rank() <= 1 || shape[1] == outputs.to_dim();
        Ok(match self.constant(outlet)? {
            Some(values) if values.len() == 1 => Some(vec![values[0]; outputs]),
            Some(values) if values.len() == outputs && per_channel => Some(values),
            _ => None,
        })
    }

    fn wire(&mut self, node: &TypedNode, kernel: Kernel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let operator = Operator { kernel: Arc::new(kernel), context: self.context.clone() };
        self.to.wire_node(&node.name, operator, inputs)
    }
}

/// Whether a window has this shape and stride, without dilation.
pub(super) fn has_window(pool: &PoolSpec, kernel: [usize; 2], stride: usize) -> bool {
    pool.data_format == DataFormat::NCHW
        && *pool.kernel_shape == kernel
        && pool.strides.as_ref().map_or(stride == 1, |s| s.iter().all(|&s| s == stride))
        && pool.dilations.as_ref().is_none_or(|d| d.iter().all(|&d| d == 1))
}

/// Whether a window never reaches beyond the image.
pub(super) fn unpadded(pool: &PoolSpec) -> bool {
    match &pool.padding {
        PaddingSpec::Valid => true,
        PaddingSpec::Explicit(before, after) => before.iter().chain(after).all(|&p| p == 0),
        _ => false,
    }
}
