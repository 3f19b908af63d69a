//! Rewrites a network for the GPU, where tract has neither maximum pooling nor transposed convolution.

use tract_core::{
    internal::{AxisOp, DimLike, Rewriter, ToDim, tvec},
    ops::{
        cnn::{Conv, Deconv, KernelFormat, MaxPool, PaddingSpec, PoolSpec},
        nn::{DataFormat, Reduce, Reducer},
    },
    prelude::*,
};

use super::super::translate::{has_window, unpadded};

/// Replaces 2 x 2 pooling by maxima over axes of two, and 2 x 2 up-convolution by a 1 x 1 convolution whose channels
/// move into the pixels. Leaves other operators unchanged.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default()
        .with_rule_for("pooling-as-maxima", pooling)
        .with_rule_for("up-convolution-as-convolution", up_convolution)
        .rewrite(&(), model)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "signature of a rule of tract")]
fn pooling(
    (): &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    pool: &MaxPool,
) -> TractResult<Option<TypedModelPatch>> {
    let [height, width] = sides(model, node.inputs[0])?;
    let halves = height % 2 == 0 && width % 2 == 0;
    if pool.with_index_outputs.is_some()
        || !has_window(&pool.pool_spec, [2, 2], 2)
        || !unpadded(&pool.pool_spec)
        || !halves
    {
        return Ok(None);
    }
    let mut patch = TypedModelPatch::default();
    let mut wire = patch.tap_model(model, node.inputs[0])?;
    let pairs = AxisOp::Reshape(2, dims(&[height, width]), dims(&[height / 2, 2, width / 2, 2]));
    wire = patch.wire_node(format!("{name}.pairs"), pairs, &[wire])?[0];
    for axis in [5, 3] {
        let maxima = Reduce { axes: tvec!(axis), reducer: Reducer::Max };
        wire = patch.wire_node(format!("{name}.max-{axis}"), maxima, &[wire])?[0];
        wire = patch.wire_node(format!("{name}.rm-{axis}"), AxisOp::Rm(axis), &[wire])?[0];
    }
    patch.shunt_outside(model, node.id.into(), wire)?;
    Ok(Some(patch))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "signature of a rule of tract")]
fn up_convolution(
    (): &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    up: &Deconv,
) -> TractResult<Option<TypedModelPatch>> {
    let [input, weights, bias] = *node.inputs.as_slice() else { return Ok(None) };
    let constant = |outlet| -> TractResult<Option<Vec<f32>>> {
        let Some(tensor) = &model.outlet_fact(outlet)?.konst else { return Ok(None) };
        Ok(Some(tensor.view().as_slice::<f32>()?.to_vec()))
    };
    let (Some(weights), Some(bias)) = (constant(weights)?, constant(bias)?) else { return Ok(None) };
    let spec = &up.pool_spec;
    let plain = up.group == 1
        && up.kernel_format == KernelFormat::OIHW
        && up.adjustments.iter().all(|&a| a == 0)
        && has_window(spec, [2, 2], 2)
        && unpadded(spec);
    if !plain {
        return Ok(None);
    }
    let (inputs, outputs) = (spec.input_channels, spec.output_channels);
    let [height, width] = sides(model, input)?;

    // Output channels in the order [output][dy][dx].
    let mut split = vec![0.0; weights.len()];
    for (n, weight) in weights.into_iter().enumerate() {
        let (output, input, tap) = (n / 4 / inputs, n / 4 % inputs, n % 4);
        split[(output * 4 + tap) * inputs + input] = weight;
    }
    let bias: Vec<f32> = bias.into_iter().flat_map(|b| [b; 4]).collect();
    let conv = Conv {
        pool_spec: PoolSpec::new(DataFormat::NCHW, tvec!(1, 1), PaddingSpec::Valid, None, None, inputs, 4 * outputs),
        kernel_fmt: KernelFormat::OIHW,
        group: 1,
        q_params: None,
    };
    let mut patch = TypedModelPatch::default();
    let tapped = patch.tap_model(model, input)?;
    let weights =
        patch.add_const(format!("{name}.weights"), Tensor::from_shape(&[4 * outputs, inputs, 1, 1], &split)?)?;
    let bias = patch.add_const(format!("{name}.bias"), Tensor::from_shape(&[4 * outputs], &bias)?)?;
    let mut wire = patch.wire_node(format!("{name}.conv"), conv, &[tapped, weights, bias])?[0];
    let moves = [
        AxisOp::Reshape(1, dims(&[4 * outputs]), dims(&[outputs, 2, 2])),
        // [1, output, dy, dx, height, width] to [1, output, height, dy, width, dx]
        AxisOp::Move(2, 4),
        AxisOp::Move(2, 5),
        AxisOp::Reshape(2, dims(&[height, 2, width, 2]), dims(&[2 * height, 2 * width])),
    ];
    for (step, op) in moves.into_iter().enumerate() {
        wire = patch.wire_node(format!("{name}.to-pixels-{step}"), op, &[wire])?[0];
    }
    patch.shunt_outside(model, node.id.into(), wire)?;
    Ok(Some(patch))
}

fn sides(model: &TypedModel, outlet: OutletId) -> TractResult<[usize; 2]> {
    let shape = &model.outlet_fact(outlet)?.shape;
    Ok([shape[2].to_usize()?, shape[3].to_usize()?])
}

fn dims(sizes: &[usize]) -> TVec<TDim> {
    sizes.iter().map(ToDim::to_dim).collect()
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use tract_core::internal::Approximation;

    use super::*;
    use crate::network::{InputSize, ShippedModel, onnx};

    #[test]
    fn the_rewritten_model_gives_the_same_scores() {
        let (height, width) = (64, 96);
        let file = ShippedModel::Edge.file();
        let model = onnx::graph(file, InputSize { width, height })
            .map(|model| model.into_decluttered().expect("a model"))
            .expect("a model");
        let mut rewritten = model.clone();
        rewrite(&mut rewritten).expect("a model");
        let has = |model: &TypedModel| model.nodes.iter().any(|n| n.op_is::<MaxPool>() || n.op_is::<Deconv>());
        assert!(has(&model) && !has(&rewritten));
        let pixels: Vec<f32> = (0..height * width).map(|i| (i as f32 * 0.37).sin()).collect();
        let input = Tensor::from_shape(&[1, 1, height, width], &pixels).expect("a tensor");
        let scores = |model: TypedModel| {
            let plan = model.into_optimized().and_then(TypedModel::into_runnable).expect("a plan");
            plan.run(tvec!(input.clone().into())).expect("scores").remove(0)
        };
        let (ours, expected) = (scores(rewritten), scores(model));
        ours.close_enough(&expected, Approximation::Approximate).expect("the same scores");
    }
}
