//! Translates ONNX operators to tract's.

use std::sync::Arc;

use tract_core::{
    internal::{DimLike, TractErrorContext, TypedOp, bail, ensure, format_err, tvec},
    ops::{
        array::{Pad, PadMode, TypedConcat},
        cast,
        change_axes::wire_with_rank_broadcast,
        cnn::{Conv, Deconv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool},
        math,
        nn::{self, DataFormat, Reduce, Reducer},
    },
    prelude::*,
};

use super::{
    proto::NodeProto,
    resize,
    values::{datum_type, tensor},
};

/// Operators that [`wire`] supports: those of UNets, in the forms in which they are exported.
pub(in crate::network) const OPERATORS: [&str; 24] = [
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "ConvTranspose",
    "Div",
    "Dropout",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LeakyRelu",
    "MaxPool",
    "Mul",
    "Pad",
    "Relu",
    "Resize",
    "Sigmoid",
    "Softmax",
    "Sub",
    "Tanh",
];

/// Adds `node` to `model` under `name`; omitted inputs are `None`. Returns the outlet of its first output.
pub(super) fn wire(
    model: &mut TypedModel,
    opset: i64,
    node: &NodeProto,
    name: &str,
    inputs: &[Option<OutletId>],
) -> TractResult<OutletId> {
    let mut call = Call { model, opset, node, name, inputs };
    match node.op_type.as_str() {
        "Add" => call.pair(math::add()),
        "AveragePool" => call.average_pool(),
        "BatchNormalization" => call.batch_normalization(),
        "Cast" => call.cast(),
        "Clip" => call.clip(),
        "Concat" => call.concat(),
        "Constant" => call.konst(),
        "Conv" => call.convolution(),
        "ConvTranspose" => call.up_convolution(),
        "Div" => call.pair(math::div()),
        // At inference, these pass their input on.
        "Dropout" | "Identity" => call.input(0),
        "HardSwish" => call.alone(nn::hard_swish()),
        "InstanceNormalization" => call.instance_normalization(),
        "LeakyRelu" => call.alone(nn::leaky_relu(node.float("alpha")?.unwrap_or(0.01))),
        "MaxPool" => call.max_pool(),
        "Mul" => call.pair(math::mul()),
        "Pad" => call.pad(),
        "Relu" => call.bound("low", math::max(), 0.0),
        "Resize" => call.resize(),
        "Sigmoid" => call.alone(nn::sigmoid()),
        "Softmax" => call.softmax(),
        "Sub" => call.pair(math::sub()),
        "Tanh" => call.alone(math::tanh()),
        other => bail!("{other} is not supported"),
    }
}

struct Call<'a> {
    model: &'a mut TypedModel,
    opset: i64,
    node: &'a NodeProto,
    name: &'a str,
    inputs: &'a [Option<OutletId>],
}

impl Call<'_> {
    fn input(&self, number: usize) -> TractResult<OutletId> {
        self.optional(number).ok_or_else(|| format_err!("input {number} is missing"))
    }

    fn optional(&self, number: usize) -> Option<OutletId> {
        self.inputs.get(number).copied().flatten()
    }

    /// The value of an input, which must be constant.
    fn known(&self, number: usize) -> TractResult<Arc<Tensor>> {
        let fact = self.model.outlet_fact(self.input(number)?)?;
        fact.konst.clone().ok_or_else(|| format_err!("input {number} is not constant"))
    }

    fn numbers<T: Datum + Copy>(&self, number: usize) -> TractResult<Vec<T>> {
        let value = self.known(number)?;
        // tract has no empty slices.
        if value.len() == 0 {
            return Ok(Vec::new());
        }
        Ok(value.cast_to::<T>()?.view().as_slice::<T>()?.to_vec())
    }

    fn rank(&self) -> TractResult<usize> {
        Ok(self.model.outlet_fact(self.input(0)?)?.rank())
    }

    fn channels(&self) -> TractResult<usize> {
        let shape = &self.model.outlet_fact(self.input(0)?)?.shape;
        ensure!(shape.rank() > 2, "its input is not an image");
        Ok(shape[1].to_usize()?)
    }

    fn wire(&mut self, part: &str, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) -> TractResult<OutletId> {
        let name = if part.is_empty() { self.name.to_owned() } else { format!("{}.{part}", self.name) };
        Ok(wire_with_rank_broadcast(name, self.model, op, inputs)?[0])
    }

    fn konst_of(&mut self, part: &str, value: Tensor) -> TractResult<OutletId> {
        self.model.add_const(format!("{}.{part}", self.name), value)
    }

    fn alone(&mut self, op: impl Into<Box<dyn TypedOp>>) -> TractResult<OutletId> {
        let input = self.input(0)?;
        self.wire("", op, &[input])
    }

    fn pair(&mut self, op: impl Into<Box<dyn TypedOp>>) -> TractResult<OutletId> {
        let inputs = [self.input(0)?, self.input(1)?];
        let shape =
            |outlet| Ok::<_, TractError>(self.model.outlet_fact(outlet)?.shape.as_concrete().unwrap_or_default());
        let (one, two) = (shape(inputs[0])?, shape(inputs[1])?);
        // tract would not report sizes that differ.
        let fit = one.iter().rev().zip(two.iter().rev()).all(|(a, b)| a == b || *a == 1 || *b == 1);
        ensure!(fit, "its inputs have the shapes {one:?} and {two:?}");
        self.wire("", op, &inputs)
    }

    /// Applies `op` to the input and one number.
    fn bound(&mut self, part: &str, op: impl Into<Box<dyn TypedOp>>, value: f32) -> TractResult<OutletId> {
        let value = Tensor::from_shape(&vec![1; self.rank()?], &[value])?;
        let (input, value) = (self.input(0)?, self.konst_of(&format!("{part}.cst"), value)?);
        self.wire(part, op, &[input, value])
    }

    /// Converts numbers to another type. Constants stay constant: weights may be stored at lower precision than the
    /// network computes with.
    fn cast(&mut self) -> TractResult<OutletId> {
        let to = datum_type(self.node.int("to")?.context("it states no target type")?)?;
        let input = self.input(0)?;
        match &self.model.outlet_fact(input)?.konst {
            Some(value) => {
                let value = value.cast_to_dt(to)?.into_owned();
                self.model.add_const(self.name, value)
            }
            None => self.wire("", cast::cast(to), &[input]),
        }
    }

    fn clip(&mut self) -> TractResult<OutletId> {
        let stated = |call: &Self, name: &str, number: usize| -> TractResult<Option<f32>> {
            if call.opset < 11 {
                return call.node.float(name);
            }
            let Some(_) = call.optional(number) else { return Ok(None) };
            Ok(call.numbers::<f32>(number)?.first().copied())
        };
        let (low, high) = (stated(self, "min", 1)?.unwrap_or(f32::MIN), stated(self, "max", 2)?.unwrap_or(f32::MAX));
        let at_least = self.bound("low", math::max(), low)?;
        let high = Tensor::from_shape(&vec![1; self.rank()?], &[high])?;
        let high = self.konst_of("high.cst", high)?;
        self.wire("high", math::min(), &[at_least, high])
    }

    fn concat(&mut self) -> TractResult<OutletId> {
        let axis = self.axis(self.node.int("axis")?.context("it names no axis")?)?;
        let inputs: Vec<_> = (0..self.inputs.len()).map(|i| self.input(i)).collect::<TractResult<_>>()?;
        ensure!(!inputs.is_empty(), "it has no inputs");
        Ok(self.model.wire_node(self.name, TypedConcat::new(axis), &inputs)?[0])
    }

    fn axis(&self, stated: i64) -> TractResult<usize> {
        let rank = self.rank()?;
        let axis = if stated < 0 { stated + rank as i64 } else { stated };
        usize::try_from(axis).ok().filter(|axis| *axis < rank).ok_or_else(|| format_err!("it has no axis {stated}"))
    }

    fn konst(&mut self) -> TractResult<OutletId> {
        let node = self.node;
        let value = if let Some(value) = node.tensor("value")? {
            tensor(value)?
        } else if let Some(value) = node.float("value_float")? {
            tensor0(value)
        } else if let Some(values) = node.floats("value_floats")? {
            tensor1(values)
        } else if let Some(value) = node.int("value_int")? {
            tensor0(value)
        } else {
            tensor1(node.ints("value_ints")?.context("it states no value")?)
        };
        self.model.add_const(self.name, value)
    }

    fn convolution(&mut self) -> TractResult<OutletId> {
        let (input, kernel, channels) = (self.input(0)?, self.input(1)?, self.channels()?);
        let group = usize::try_from(self.node.int("group")?.unwrap_or(1))?;
        let shape = self.known(1)?.shape().to_vec();
        let fits = shape.len() == self.rank()? && group > 0 && shape[1].checked_mul(group) == Some(channels);
        ensure!(fits, "its kernel is {shape:?}, and it has {channels} channels in {group} groups");
        let bias = self.bias(shape[0])?;
        let conv = Conv {
            pool_spec: self.window(&shape[2..], false, channels, shape[0])?,
            kernel_fmt: KernelFormat::OIHW,
            group,
            q_params: None,
        };
        self.model.wire_node(self.name, conv, &[input, kernel, bias]).map(|out| out[0])
    }

    fn up_convolution(&mut self) -> TractResult<OutletId> {
        let (input, kernel, channels) = (self.input(0)?, self.known(1)?, self.channels()?);
        let group = usize::try_from(self.node.int("group")?.unwrap_or(1))?;
        let shape = kernel.shape().to_vec();
        let fits = shape.len() == self.rank()? && group > 0 && shape[0] == channels && channels.is_multiple_of(group);
        ensure!(fits, "its kernel is {shape:?}, and it has {channels} channels in {group} groups");
        ensure!(self.node.ints("output_shape")?.is_none(), "output_shape is not supported");
        // ONNX has [group x input, output, y, x], tract [group x output, input, y, x].
        let kernel = kernel.into_tensor().split_axis(0, group)?.move_axis(1, 2)?.collapse_axis_with_next(0);
        let kernel = self.konst_of("kernel", kernel)?;
        let outputs = shape[1] * group;
        let bias = self.bias(outputs)?;
        let pool_spec = self.window(&shape[2..], false, channels, outputs)?;
        let more = self.node.sizes("output_padding")?.unwrap_or_else(|| tvec!(0; shape.len() - 2));
        let deconv = Deconv::new(pool_spec, KernelFormat::OIHW, more, group);
        self.model.wire_node(self.name, deconv, &[input, kernel, bias]).map(|out| out[0])
    }

    fn bias(&mut self, channels: usize) -> TractResult<OutletId> {
        let values = match self.optional(2) {
            Some(_) => self.numbers::<f32>(2)?,
            None => vec![0.0; channels],
        };
        ensure!(values.len() == channels, "it has {} biases for {channels} channels", values.len());
        self.konst_of("bias", tensor1(&values))
    }

    /// Window of a convolution, or of a pooling, which may round its size up.
    fn window(&self, kernel: &[usize], pools: bool, inputs: usize, outputs: usize) -> TractResult<PoolSpec> {
        let node = self.node;
        let ceil = pools && node.flag("ceil_mode")?;
        let explicit = |before: TVec<usize>, after: TVec<usize>| {
            if pools {
                PaddingSpec::ExplicitOnnxPool(before, after, ceil)
            } else {
                PaddingSpec::Explicit(before, after)
            }
        };
        let padding = match node.sizes("pads")? {
            Some(pads) => {
                ensure!(pads.len() == 2 * kernel.len(), "its pads are {pads:?}");
                explicit(pads[..kernel.len()].into(), pads[kernel.len()..].into())
            }
            None => match node.text("auto_pad", "NOTSET")? {
                "NOTSET" => explicit(tvec!(0; kernel.len()), tvec!(0; kernel.len())),
                "VALID" => PaddingSpec::Valid,
                "SAME_UPPER" => PaddingSpec::SameUpper,
                "SAME_LOWER" => PaddingSpec::SameLower,
                other => bail!("auto_pad {other} is not supported"),
            },
        };
        let strides = node.sizes("strides")?;
        let dilations = node.sizes("dilations")?;
        Ok(PoolSpec::new(DataFormat::NCHW, kernel.into(), padding, dilations, strides, inputs, outputs))
    }

    fn pool_window(&self) -> TractResult<PoolSpec> {
        let kernel = self.node.sizes("kernel_shape")?.context("it states no kernel")?;
        ensure!(kernel.len() + 2 == self.rank()?, "its kernel is {kernel:?}");
        let channels = self.channels()?;
        self.window(&kernel, true, channels, channels)
    }

    fn max_pool(&mut self) -> TractResult<OutletId> {
        let pool_spec = self.pool_window()?;
        self.alone(MaxPool { pool_spec, with_index_outputs: None })
    }

    fn average_pool(&mut self) -> TractResult<OutletId> {
        let pool_spec = self.pool_window()?;
        let count_include_pad = self.node.flag("count_include_pad")?;
        self.alone(SumPool { pool_spec, count_include_pad, normalize: true })
    }

    fn batch_normalization(&mut self) -> TractResult<OutletId> {
        let epsilon = self.node.float("epsilon")?.unwrap_or(1e-5);
        let channels = self.channels()?;
        let mut stated = Vec::new();
        for number in 1..5 {
            let values = self.numbers::<f32>(number)?;
            ensure!(values.len() == channels, "input {number} has {} values for {channels} channels", values.len());
            stated.push(values);
        }
        let [scale, shift, mean, variance] = &stated[..] else { bail!("it has {} inputs", stated.len() + 1) };
        let slope: Vec<f32> = scale.iter().zip(variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        let rest = shift.iter().zip(mean).zip(&slope);
        let intercept: Vec<f32> = rest.map(|((shift, mean), slope)| shift - mean * slope).collect();
        let input = self.input(0)?;
        self.line(input, &slope, &intercept)
    }

    /// `slope * input + intercept`, with a pair for each channel.
    fn line(&mut self, input: OutletId, slope: &[f32], intercept: &[f32]) -> TractResult<OutletId> {
        let mut shape = vec![1; self.rank()?];
        shape[1] = slope.len();
        let slope = self.konst_of("slope", Tensor::from_shape(&shape, slope)?)?;
        let intercept = self.konst_of("intercept", Tensor::from_shape(&shape, intercept)?)?;
        let product = self.wire("mul", math::mul(), &[input, slope])?;
        self.wire("", math::add(), &[product, intercept])
    }

    fn instance_normalization(&mut self) -> TractResult<OutletId> {
        let epsilon = self.node.float("epsilon")?.unwrap_or(1e-5);
        let (input, channels, rank) = (self.input(0)?, self.channels()?, self.rank()?);
        let (scale, shift) = (self.numbers::<f32>(1)?, self.numbers::<f32>(2)?);
        ensure!(scale.len() == channels && shift.len() == channels, "it has {channels} channels");
        let shape = self.model.outlet_fact(input)?.shape.as_concrete().unwrap_or_default();
        let area: usize = shape.iter().skip(2).product();
        let number = |value: f32| Tensor::from_shape(&vec![1; rank], &[value]);
        let share = self.konst_of("share", number(1.0 / area as f32)?)?;
        let epsilon = self.konst_of("epsilon", number(epsilon)?)?;
        let sum = || Reduce { axes: (2..rank).collect(), reducer: Reducer::Sum };

        let total = self.wire("total", sum(), &[input])?;
        let mean = self.wire("mean", math::mul(), &[total, share])?;
        let difference = self.wire("difference", math::sub(), &[input, mean])?;
        let square = self.wire("square", math::square(), &[difference])?;
        let squares = self.wire("squares", sum(), &[square])?;
        let variance = self.wire("variance", math::mul(), &[squares, share])?;
        let variance = self.wire("positive", math::add(), &[variance, epsilon])?;
        let factor = self.wire("factor", math::rsqrt(), &[variance])?;
        let standard = self.wire("standard", math::mul(), &[difference, factor])?;
        self.line(standard, &scale, &shift)
    }

    fn pad(&mut self) -> TractResult<OutletId> {
        let rank = self.rank()?;
        let (stated, value) = if self.opset < 11 {
            (self.node.ints("pads")?.context("it states no pads")?.to_vec(), self.node.float("value")?.unwrap_or(0.0))
        } else {
            let value = self.optional(2).map(|_| self.numbers::<f32>(2)).transpose()?;
            (self.numbers::<i64>(1)?, value.and_then(|v| v.first().copied()).unwrap_or(0.0))
        };
        let axes: Vec<usize> = match self.optional(3) {
            Some(_) => self.numbers::<i64>(3)?.into_iter().map(|axis| self.axis(axis)).collect::<TractResult<_>>()?,
            None => (0..rank).collect(),
        };
        ensure!(stated.len() == 2 * axes.len(), "its pads are {stated:?}");
        let mode = match self.node.text("mode", "constant")? {
            "constant" => PadMode::Constant(Arc::new(value.into())),
            "reflect" => PadMode::Reflect,
            "edge" => PadMode::Edge,
            other => bail!("mode {other} is not supported"),
        };
        let mut pads = vec![(0, 0); rank];
        for (i, &axis) in axes.iter().enumerate() {
            pads[axis] = (usize::try_from(stated[i])?, usize::try_from(stated[i + axes.len()])?);
        }
        self.alone(Pad { pads, mode })
    }

    fn softmax(&mut self) -> TractResult<OutletId> {
        let axis = self.axis(self.node.int("axis")?.unwrap_or(if self.opset < 13 { 1 } else { -1 }))?;
        // Before version 13, the operator covers all axes from this one on.
        let axes = if self.opset < 13 { (axis..self.rank()?).collect() } else { tvec!(axis) };
        self.alone(nn::Softmax { axes, quant_output_dt: None, ..nn::Softmax::default() })
    }

    fn resize(&mut self) -> TractResult<OutletId> {
        ensure!(self.opset >= 11, "Resize of version {} is not supported", self.opset);
        let shape = self.model.outlet_fact(self.input(0)?)?.shape.as_concrete().unwrap_or_default().to_vec();
        let inputs = resize::Inputs {
            region: self.optional(1).map(|_| self.numbers(1)).transpose()?,
            scales: self.optional(2).map(|_| self.numbers(2)).transpose()?,
            sizes: self.optional(3).map(|_| self.numbers(3)).transpose()?,
        };
        self.alone(resize::operator(self.node, &shape, &inputs)?)
    }
}
