//! ONNX's `Resize`: resamples an image axis by axis.

use std::sync::Arc;

use tract_core::{
    internal::{
        EvalContext, EvalOp, Op, StaticName, TractErrorContext, TypedOp, as_op, bail, ensure, op_as_typed_op,
        op_out_of_plan,
    },
    ops::nn::resize::{
        AxisPlan, CoordTransformer, Interpolator, NearestUpsample, cubic_weights, is_pixel_replication, linear_weights,
        plan_axis, resample_axis, window_size,
    },
    prelude::*,
};

use super::proto::NodeProto;

/// Maximum side of a grid.
const LONGEST: usize = 1 << 14;

/// Inputs of a node that describe the grid, besides its attributes.
pub(super) struct Inputs {
    /// The region to crop, as fractions of the axes: all starts, then all ends.
    pub(super) region: Option<Vec<f32>>,
    pub(super) scales: Option<Vec<f32>>,
    pub(super) sizes: Option<Vec<i64>>,
}

/// The operator for `node` on an image of `shape`.
pub(super) fn operator(node: &NodeProto, shape: &[usize], inputs: &Inputs) -> TractResult<Box<dyn TypedOp>> {
    let axes = axes(node, shape.len())?;
    let grid = grid(node, shape, &axes, inputs)?;
    let interpolator = Interpolator::parse(node.text("mode", "nearest")?)?;
    let method = Method {
        antialias: node.flag("antialias")?,
        exclude_outside: node.flag("exclude_outside")?,
        cubic: node.float("cubic_coeff_a")?.unwrap_or(-0.75),
        nearest: Nearest::parse(node.text("nearest_mode", "round_prefer_floor")?)?,
        interpolator,
    };
    let transform = match node.text("coordinate_transformation_mode", "half_pixel")? {
        "tf_crop_and_resize" => None,
        other => Some(CoordTransformer::parse(other)?),
    };
    let region = match (&transform, &inputs.region) {
        (Some(_), _) => None,
        (None, Some(region)) if region.len() == 2 * axes.len() => Some(region),
        (None, _) => bail!("it has no region to crop"),
    };

    let mut replication: TVec<usize> = tvec!(1; shape.len());
    let mut replicates = matches!(method.interpolator, Interpolator::Nearest);
    let mut resampled = shape.to_vec();
    let mut plans = Vec::new();
    for (number, (&axis, &(scale, to))) in axes.iter().zip(&grid).enumerate() {
        let from = shape[axis];
        let bounds = region.map_or((0.0, 1.0), |region| (region[number], region[number + axes.len()]));
        if from == to && (scale - 1.0).abs() < f32::EPSILON && bounds == (0.0, 1.0) {
            continue;
        }
        let plan = match &transform {
            Some(t) => method.plan(scale, from, to, |x| Some(t.transform(x, scale, from, to))),
            None => method.plan(scale, from, to, |x| cropped(x, scale, from, bounds)),
        };
        replication[axis] = to / from;
        replicates &= to.is_multiple_of(from) && is_pixel_replication(&plan, to / from);
        resampled[axis] = to;
        plans.push((axis, plan));
    }
    if replicates {
        return Ok(Box::new(NearestUpsample { scales: replication }));
    }
    let outside = node.float("extrapolation_value")?.unwrap_or(0.0);
    Ok(Box::new(Resample(Arc::new(Grid { shape: resampled, plans, outside }))))
}

/// The axes that scales, sizes and region refer to.
fn axes(node: &NodeProto, rank: usize) -> TractResult<Vec<usize>> {
    let Some(stated) = node.ints("axes")? else { return Ok((0..rank).collect()) };
    let axis = |&stated: &i64| {
        let axis = if stated < 0 { stated + rank as i64 } else { stated };
        usize::try_from(axis).ok().filter(|axis| *axis < rank).with_context(|| format!("it has no axis {stated}"))
    };
    stated.iter().map(axis).collect()
}

/// Scale and new length of each of the axes.
fn grid(node: &NodeProto, shape: &[usize], axes: &[usize], inputs: &Inputs) -> TractResult<Vec<(f32, usize)>> {
    let scaled = |axis: usize, scale: f32| (scale, (shape[axis] as f32 * scale) as usize);
    let of_all = |count: usize| count == axes.len();
    let grid: Vec<_> = if let Some(scales) = inputs.scales.as_ref().filter(|s| of_all(s.len())) {
        axes.iter().zip(scales).map(|(&axis, &scale)| scaled(axis, scale)).collect()
    } else if let Some(sizes) = inputs.sizes.as_ref().filter(|s| of_all(s.len())) {
        let ratios = axes.iter().zip(sizes).map(|(&axis, &size)| size as f32 / shape[axis] as f32);
        let of_one_ratio = |ratio: Option<f32>| {
            let ratio = ratio.unwrap_or(1.0);
            axes.iter().map(|&axis| (ratio, (ratio * shape[axis] as f32 + 0.5) as usize)).collect()
        };
        match node.text("keep_aspect_ratio_policy", "stretch")? {
            "stretch" => ratios.zip(sizes).map(|(ratio, &size)| (ratio, size.try_into().unwrap_or(0))).collect(),
            "not_larger" => of_one_ratio(ratios.reduce(f32::min)),
            "not_smaller" => of_one_ratio(ratios.reduce(f32::max)),
            other => bail!("keep_aspect_ratio_policy {other} is not supported"),
        }
    } else {
        bail!("it has neither scales nor sizes for {} axes", axes.len());
    };
    let fits = grid.iter().all(|(scale, to)| scale.is_finite() && *scale > 0.0 && (1..=LONGEST).contains(to));
    ensure!(fits, "invalid grid {grid:?}");
    Ok(grid)
}

/// Position of a point of the new grid on the old one, which is cropped to `start..end`, fractions of its length.
fn cropped(x: usize, scale: f32, from: usize, (start, end): (f32, f32)) -> Option<f32> {
    let last = from as f32 - 1.0;
    let span = last * (end - start);
    let width = scale * from as f32;
    let offset = if (width - 1.0).abs() < f32::EPSILON { span / 2.0 } else { x as f32 * span / (width - 1.0) };
    let x = offset + start * last;
    (0.0..=last).contains(&x).then_some(x)
}

/// Rule that chooses the nearest neighbour.
#[derive(Clone, Copy)]
enum Nearest {
    Floor,
    Ceil,
    RoundPreferFloor,
    RoundPreferCeil,
}

impl Nearest {
    fn parse(mode: &str) -> TractResult<Self> {
        Ok(match mode {
            "floor" => Self::Floor,
            "ceil" => Self::Ceil,
            "round_prefer_floor" => Self::RoundPreferFloor,
            "round_prefer_ceil" => Self::RoundPreferCeil,
            other => bail!("nearest_mode {other} is not supported"),
        })
    }

    /// Whether to choose the right neighbour for a point at `share`, above 0 and at most 1, of a step right of the left
    /// one.
    fn is_right(self, share: f32) -> bool {
        share >= 1.0
            || match self {
                Self::Floor => false,
                Self::Ceil => true,
                Self::RoundPreferFloor => share > 0.5,
                Self::RoundPreferCeil => share >= 0.5,
            }
    }
}

/// How to compute points of the new grid from the old one.
struct Method {
    interpolator: Interpolator,
    antialias: bool,
    exclude_outside: bool,
    /// ONNX's `cubic_coeff_a`.
    cubic: f32,
    nearest: Nearest,
}

impl Method {
    fn plan(&self, scale: f32, from: usize, to: usize, place: impl Fn(usize) -> Option<f32>) -> AxisPlan {
        let window = window_size(&self.interpolator, self.antialias, scale);
        plan_axis(from, to, window, self.exclude_outside, place, |share, weights| match self.interpolator {
            Interpolator::Linear => linear_weights(share, scale, self.antialias, weights),
            Interpolator::Cubic => cubic_weights(share, scale, self.cubic, self.antialias, weights),
            Interpolator::Nearest => {
                let right = usize::from(self.nearest.is_right(share));
                weights.fill(0.0);
                weights[right] = 1.0;
            }
        })
    }
}

#[derive(Debug)]
struct Grid {
    shape: Vec<usize>,
    /// Each axis to resample, and how.
    plans: Vec<(usize, AxisPlan)>,
    /// Value outside the image.
    outside: f32,
}

/// Resamples an image to another grid.
#[derive(Clone, Debug)]
struct Resample(Arc<Grid>);

impl PartialEq for Resample {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Resample {}

impl Op for Resample {
    fn name(&self) -> StaticName {
        "Resample".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Resample {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut shape = inputs[0].shape().to_vec();
        let mut values = inputs[0].view().as_slice::<f32>()?.to_vec();
        for (axis, plan) in &self.0.plans {
            let mut resampled = vec![0.0; values.len() / shape[*axis] * self.0.shape[*axis]];
            resample_axis(&values, &shape, *axis, plan, self.0.outside, &mut resampled);
            values = resampled;
            shape[*axis] = self.0.shape[*axis];
        }
        Ok(tvec!(Tensor::from_shape(&shape, &values)?.into_tvalue()))
    }
}

impl TypedOp for Resample {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs[0].datum_type == f32::datum_type(), "its input is not of 32-bit floats");
        Ok(tvec!(f32::fact(&self.0.shape)))
    }

    as_op!();
}
