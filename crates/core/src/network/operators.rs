//! Our operators in tract's graph, and the tensors between them.

use std::{fmt, hash::Hasher, sync::Arc};

use fearless_simd::Level;
use octrls_kernel::{
    Buffer, BufferPool, Conv3x3, Cores, FeatureMap, FusedDecoder, FusedEncoder, Head, PlanarMap, Stem, UpConv,
};
use tract_core::internal::{
    Datum, DatumExt, EvalContext, EvalOp, ExoticFact, IntoTValue, Op, PlainStorage, StaticName, TDim, TValue, TVec,
    Tensor, TensorStorage, ToDim, TractResult, TypedFact, TypedOp, as_op, bail, op_as_typed_op, op_out_of_plan, tvec,
};

/// Computation of an operator, with its weights.
#[derive(Debug)]
pub(super) enum Kernel {
    /// From the image to a map.
    Stem(Stem),
    /// From one or more maps, joined by channels, to a map.
    Conv(Conv3x3),
    /// The same, and also the map at half the height and width.
    ConvPool(Conv3x3),
    /// From a map to one of twice the height and width.
    Up(UpConv),
    /// From a map to class scores.
    Head(Head),
    /// From the image to a planar map, and its half as a map.
    FusedEncoder(FusedEncoder),
    /// From a planar map, and the map of the level below, to class scores.
    FusedDecoder(FusedDecoder),
}

/// What all operators of a network share: instruction set, cores and memory.
#[derive(Clone, Debug)]
pub(super) struct ExecContext {
    pub(super) level: Level,
    pub(super) cores: Cores,
    pub(super) pool: BufferPool,
}

/// One of our operators. Feature maps, which tract sees as `[1, channels, height, width]`, travel in a [`TensorBox`].
#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub(super) kernel: Arc<Kernel>,
    pub(super) context: ExecContext,
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
        let ExecContext { level, cores, pool } = &self.context;
        let (level, threads) = (*level, cores.threads_per_run());
        let [_, _, height, width] = *inputs[0].shape() else { bail!("expected a tensor of rank 4") };
        let maps = || {
            inputs.iter().map(|i| Ok(&i.try_storage_as::<TensorBox<FeatureMap>>()?.0)).collect::<TractResult<TVec<_>>>()
        };
        match &*self.kernel {
            Kernel::Stem(stem) => {
                let mut out = FeatureMap::new(pool, height, width, stem.outputs());
                stem.run(level, threads, inputs[0].view().as_slice::<f32>()?, &mut out);
                Ok(tvec!(boxed_map(out)))
            }
            Kernel::Conv(conv) => {
                let mut out = FeatureMap::new(pool, height, width, conv.outputs());
                conv.run(level, threads, &maps()?, &mut out, None);
                Ok(tvec!(boxed_map(out)))
            }
            Kernel::ConvPool(conv) => {
                let mut out = FeatureMap::new(pool, height, width, conv.outputs());
                let mut half = FeatureMap::new(pool, height / 2, width / 2, conv.outputs());
                conv.run(level, threads, &maps()?, &mut out, Some(&mut half));
                Ok(tvec!(boxed_map(out), boxed_map(half)))
            }
            Kernel::Up(up) => {
                let mut out = FeatureMap::new(pool, 2 * height, 2 * width, up.outputs());
                up.run(level, threads, maps()?[0], &mut out);
                Ok(tvec!(boxed_map(out)))
            }
            Kernel::Head(head) => {
                let shape = [1, head.outputs(), height, width];
                let scores = head.run(level, threads, maps()?[0]);
                Ok(tvec!(boxed(&shape, scores)))
            }
            Kernel::FusedEncoder(encoder) => {
                let image = inputs[0].view();
                let (out, half) = encoder.run(level, threads, pool, image.as_slice::<f32>()?, width);
                Ok(tvec!(boxed(&[1, half.channels(), height, width], out), boxed_map(half)))
            }
            Kernel::FusedDecoder(decoder) => {
                let skip = &inputs[0].try_storage_as::<TensorBox<PlanarMap>>()?.0;
                let below = &inputs[1].try_storage_as::<TensorBox<FeatureMap>>()?.0;
                Ok(tvec!(boxed(&[1, decoder.outputs(), height, width], decoder.run(level, threads, skip, below))))
            }
        }
    }
}

impl TypedOp for Operator {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [_, _, height, width] = inputs[0].shape.dims() else { bail!("expected a tensor of rank 4") };
        let (height, width) = (height.clone(), width.clone());
        let boxed_fact = |channels: usize, height: TDim, width: TDim| {
            let shape = [1.to_dim(), channels.to_dim(), height, width];
            let values = shape.iter().product();
            f32::fact(shape).with_exotic_fact(TensorBoxFact { values })
        };
        Ok(match &*self.kernel {
            Kernel::Stem(stem) => tvec!(boxed_fact(stem.outputs(), height, width)),
            Kernel::Conv(conv) => tvec!(boxed_fact(conv.outputs(), height, width)),
            Kernel::ConvPool(conv) => {
                let half = boxed_fact(conv.outputs(), height.clone() / 2, width.clone() / 2);
                tvec!(boxed_fact(conv.outputs(), height, width), half)
            }
            Kernel::Up(up) => tvec!(boxed_fact(up.outputs(), height * 2, width * 2)),
            Kernel::Head(head) => tvec!(boxed_fact(head.outputs(), height, width)),
            Kernel::FusedEncoder(_) => {
                let half = boxed_fact(FusedEncoder::OUTPUTS, height.clone() / 2, width.clone() / 2);
                tvec!(boxed_fact(FusedEncoder::OUTPUTS, height, width), half)
            }
            Kernel::FusedDecoder(decoder) => tvec!(boxed_fact(decoder.outputs(), height, width)),
        })
    }

    as_op!();
}

/// A tensor's content in one of our layouts, which tract passes on without looking inside.
#[derive(Debug)]
pub(super) struct TensorBox<T>(pub(super) T);

fn boxed<T: BoxContent>(shape: &[usize], content: T) -> TValue {
    Tensor::from_storage(f32::datum_type(), shape, TensorBox(content)).into_tvalue()
}

fn boxed_map(map: FeatureMap) -> TValue {
    boxed(&[1, map.channels(), map.height(), map.width()], map)
}

/// Marks a tensor as a [`TensorBox`] at compile time of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TensorBoxFact {
    values: TDim,
}

impl ExoticFact for TensorBoxFact {
    fn buffer_sizes(&self) -> TVec<TDim> {
        tvec!(self.values.clone() * size_of::<f32>())
    }
}

/// A possible content of a [`TensorBox`].
pub(super) trait BoxContent: fmt::Debug + Send + Sync + 'static {
    /// Copies it.
    fn copy(&self) -> Self;
    /// Number of values.
    fn len(&self) -> usize;
}

impl BoxContent for FeatureMap {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> usize {
        self.channels() * self.height() * self.width()
    }
}

impl BoxContent for PlanarMap {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> usize {
        self.value_count()
    }
}

impl BoxContent for Arc<Buffer> {
    fn copy(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> usize {
        self.as_ref().len()
    }
}

impl<T> PartialEq for TensorBox<T> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl<T> Eq for TensorBox<T> {}

impl<T: BoxContent> fmt::Display for TensorBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} values in a layout of their own", self.0.len())
    }
}

impl<T: BoxContent> TensorStorage for TensorBox<T> {
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
        Ok(Some(Box::new(TensorBoxFact { values: self.0.len().to_dim() })))
    }
}
