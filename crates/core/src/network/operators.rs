//! Our operators in tract's graph, and the tensors between them.

use std::{fmt, hash::Hasher, sync::Arc};

use fearless_simd::Level;
use tract_core::internal::{
    Datum, DatumExt, EvalContext, EvalOp, ExoticFact, IntoTValue, Op, PlainStorage, StaticName, TDim, TValue, TVec,
    Tensor, TensorStorage, ToDim, TractResult, TypedFact, TypedOp, as_op, bail, op_as_typed_op, op_out_of_plan, tvec,
};

use octrls_kernel::{Buffer, Conv3x3, Cores, FeatureMap, FusedDecoder, FusedEncoder, Head, Lines, Pool, Stem, UpConv};

/// Computation of an operator, with its weights.
#[derive(Debug)]
pub(super) enum Kernel {
    /// From the image's plane to a map.
    Stem(Stem),
    /// From one or more maps, joined by channels, to a map.
    Conv(Conv3x3),
    /// The same, and also the map at half the height and width.
    ConvPool(Conv3x3),
    /// From a map to one of twice the height and width.
    Up(UpConv),
    /// From a map to class scores.
    Head(Head),
    /// From the image's plane to a map in lines, and its half as a map.
    FusedEncoder(FusedEncoder),
    /// From a map in lines, and the map of the level below, to class scores.
    FusedDecoder(FusedDecoder),
}

/// Shared by all operators of a network.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) level: Level,
    pub(super) cores: Cores,
    pub(super) pool: Pool,
}

/// One of our operators. Feature maps, which tract sees as `[1, channels, height, width]`, travel as [`Held`] tensors.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub(super) kernel: Arc<Kernel>,
    pub(super) machine: Machine,
}

impl PartialEq for Operator {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kernel, &other.kernel)
    }
}

impl Eq for Operator {}

impl Op for Operator {
    fn name(&self) -> StaticName {
        match &*self.kernel {
            Kernel::Stem(_) => "Stem",
            Kernel::Conv(_) => "Conv3x3",
            Kernel::ConvPool(_) => "Conv3x3Pool",
            Kernel::Up(_) => "UpConv",
            Kernel::Head(_) => "Head",
            Kernel::FusedEncoder(_) => "FusedEncoder",
            Kernel::FusedDecoder(_) => "FusedDecoder",
        }
        .into()
    }

    op_as_typed_op!();
}

impl EvalOp for Operator {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let Machine { level, cores, pool } = &self.machine;
        let (level, threads) = (*level, cores.share());
        let [_, _, height, width] = *inputs[0].shape() else { bail!("expected a tensor of rank 4") };
        let maps =
            || inputs.iter().map(|i| Ok(&i.try_storage_as::<Held<FeatureMap>>()?.0)).collect::<TractResult<TVec<_>>>();
        match &*self.kernel {
            Kernel::Stem(stem) => {
                let mut out = FeatureMap::new(pool, height, width, stem.outputs());
                stem.run(level, threads, inputs[0].view().as_slice::<f32>()?, &mut out);
                Ok(tvec!(hold_map(out)))
            }
            Kernel::Conv(conv) => {
                let mut out = FeatureMap::new(pool, height, width, conv.outputs());
                conv.run(level, threads, &maps()?, &mut out, None);
                Ok(tvec!(hold_map(out)))
            }
            Kernel::ConvPool(conv) => {
                let mut out = FeatureMap::new(pool, height, width, conv.outputs());
                let mut half = FeatureMap::new(pool, height / 2, width / 2, conv.outputs());
                conv.run(level, threads, &maps()?, &mut out, Some(&mut half));
                Ok(tvec!(hold_map(out), hold_map(half)))
            }
            Kernel::Up(up) => {
                let mut out = FeatureMap::new(pool, 2 * height, 2 * width, up.outputs());
                up.run(level, threads, maps()?[0], &mut out);
                Ok(tvec!(hold_map(out)))
            }
            Kernel::Head(head) => {
                let shape = [1, head.outputs(), height, width];
                let scores = head.run(level, threads, maps()?[0]);
                Ok(tvec!(hold(&shape, scores)))
            }
            Kernel::FusedEncoder(entrance) => {
                let image = inputs[0].view();
                let (out, half) = entrance.run(level, threads, pool, image.as_slice::<f32>()?, width);
                Ok(tvec!(hold(&[1, half.channels(), height, width], out), hold_map(half)))
            }
            Kernel::FusedDecoder(exit) => {
                let skip = &inputs[0].try_storage_as::<Held<Lines>>()?.0;
                let below = &inputs[1].try_storage_as::<Held<FeatureMap>>()?.0;
                Ok(tvec!(hold(&[1, exit.outputs(), height, width], exit.run(level, threads, skip, below))))
            }
        }
    }
}

impl TypedOp for Operator {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [_, _, height, width] = inputs[0].shape.dims() else { bail!("expected a tensor of rank 4") };
        let (height, width) = (height.clone(), width.clone());
        let held = |channels: usize, height: TDim, width: TDim| {
            let shape = [1.to_dim(), channels.to_dim(), height, width];
            let values = shape.iter().product();
            f32::fact(shape).with_exotic_fact(HeldFact { values })
        };
        Ok(match &*self.kernel {
            Kernel::Stem(stem) => tvec!(held(stem.outputs(), height, width)),
            Kernel::Conv(conv) => tvec!(held(conv.outputs(), height, width)),
            Kernel::ConvPool(conv) => {
                let half = held(conv.outputs(), height.clone() / 2, width.clone() / 2);
                tvec!(held(conv.outputs(), height, width), half)
            }
            Kernel::Up(up) => tvec!(held(up.outputs(), height * 2, width * 2)),
            Kernel::Head(head) => tvec!(held(head.outputs(), height, width)),
            Kernel::FusedEncoder(_) => {
                let half = held(FusedEncoder::OUTPUTS, height.clone() / 2, width.clone() / 2);
                tvec!(held(FusedEncoder::OUTPUTS, height, width), half)
            }
            Kernel::FusedDecoder(exit) => tvec!(held(exit.outputs(), height, width)),
        })
    }

    as_op!();
}

/// Content of a tensor in our own layout.
#[derive(Debug)]
pub(super) struct Held<T>(pub(super) T);

fn hold<T: Content>(shape: &[usize], content: T) -> TValue {
    Tensor::from_storage(f32::datum_type(), shape, Held(content)).into_tvalue()
}

fn hold_map(map: FeatureMap) -> TValue {
    hold(&[1, map.channels(), map.height(), map.width()], map)
}

/// Marks a tensor with our own layout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct HeldFact {
    values: TDim,
}

impl ExoticFact for HeldFact {
    fn buffer_sizes(&self) -> TVec<TDim> {
        tvec!(self.values.clone() * size_of::<f32>())
    }
}

/// Possible content of a tensor in our own layout.
pub(super) trait Content: fmt::Debug + Send + Sync + 'static {
    /// Copies it.
    fn copy(&self) -> Self;
    /// Number of values.
    fn len(&self) -> usize;
}

impl Content for FeatureMap {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> usize {
        self.channels() * self.height() * self.width()
    }
}

impl Content for Lines {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> usize {
        self.pixels()
    }
}

impl Content for Arc<Buffer> {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> usize {
        self.as_ref().len()
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl<T> Eq for Held<T> {}

impl<T: Content> fmt::Display for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} values in a layout of their own", self.0.len())
    }
}

impl<T: Content> TensorStorage for Held<T> {
    fn byte_len(&self) -> usize {
        self.0.len() * size_of::<f32>()
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    fn deep_clone(&self) -> Box<dyn TensorStorage> {
        Box::new(Self(self.0.copy()))
    }

    fn as_plain_ram(&self) -> Option<&PlainStorage> {
        None
    }

    fn as_plain_ram_mut(&mut self) -> Option<&mut PlainStorage> {
        None
    }

    fn into_plain_ram(self: Box<Self>) -> Option<PlainStorage> {
        None
    }

    fn dyn_hash(&self, state: &mut dyn Hasher) {
        state.write_usize(self.0.len());
    }

    fn exotic_fact(&self, _: &[usize]) -> TractResult<Option<Box<dyn ExoticFact>>> {
        Ok(Some(Box::new(HeldFact { values: self.0.len().to_dim() })))
    }
}
