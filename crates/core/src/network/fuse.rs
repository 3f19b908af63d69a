//! Fuses the operators of a network's first level if it is narrow.

use std::sync::Arc;

use octrls_kernel::{FusedDecoder, FusedEncoder, PlanarMap};
use tract_core::prelude::*;

use super::operators::{ExecContext, Kernel, Operator};

/// Replaces the first level of a model in our operators by a fused encoder and a fused decoder, if the level is narrow
/// and the images have a suitable width. Leaves other models unchanged.
pub(super) fn fuse(model: &mut TypedModel, size_multiple: usize, context: &ExecContext) -> TractResult<()> {
    let Some(level) = FirstLevel::find(model).filter(|_| size_multiple.is_multiple_of(PlanarMap::WIDTH_MULTIPLE))
    else {
        return Ok(());
    };
    let operator = |kernel| Box::new(Operator { kernel: Arc::new(kernel), context: context.clone() });
    let FirstLevel { down, up, image, below, encoder, decoder } = level;
    model.nodes[down].op = operator(Kernel::FusedEncoder(encoder));
    model.add_edge(image, InletId::new(down, 0))?;
    model.nodes[up].op = operator(Kernel::FusedDecoder(decoder));
    model.add_edge(OutletId::new(down, 0), InletId::new(up, 0))?;
    model.add_edge(below, InletId::new(up, 1))
}

/// The first level of a UNet.
struct FirstLevel {
    /// The node that outputs the map for the decoder, and its half for the level below.
    down: usize,
    /// The node that outputs the scores.
    up: usize,
    image: OutletId,
    /// Output of the level below.
    below: OutletId,
    encoder: FusedEncoder,
    decoder: FusedDecoder,
}

impl FirstLevel {
    fn find(model: &TypedModel) -> Option<Self> {
        let up = model.outputs.first()?.node;
        let Kernel::Head(head) = kernel(model, up)? else { return None };
        let second = sole_input(model, up)?;
        let Kernel::Conv(second_conv) = kernel(model, second)? else { return None };
        let first = sole_input(model, second)?;
        let Kernel::Conv(first_conv) = kernel(model, first)? else { return None };
        let [left, right] = *model.nodes[first].inputs.as_slice() else { return None };
        let skip_first = matches!(kernel(model, left.node)?, Kernel::ConvPool(_));
        let (skip, upsampled) = if skip_first { (left, right) } else { (right, left) };
        let Kernel::Up(up_conv) = kernel(model, upsampled.node)? else { return None };
        let below = *model.nodes[upsampled.node].inputs.first()?;
        let down = skip.node;
        let Kernel::ConvPool(down_conv) = kernel(model, down)? else { return None };
        let stem = sole_input(model, down)?;
        let Kernel::Stem(stem_conv) = kernel(model, stem)? else { return None };
        let image = *model.nodes[stem].inputs.first()?;
        let unshared = [second, first, upsampled.node, stem, down].into_iter().all(|node| {
            let [first, ..] = model.nodes[node].outputs.as_slice() else { return false };
            first.successors.len() == 1
        });
        (unshared && skip.slot == 0).then_some(())?;
        Some(Self {
            down,
            up,
            image,
            below,
            encoder: FusedEncoder::fuse(stem_conv, down_conv)?,
            decoder: FusedDecoder::fuse(up_conv, first_conv, second_conv, head, skip_first)?,
        })
    }
}

fn kernel(model: &TypedModel, node: usize) -> Option<&Kernel> {
    model.nodes[node].op_as::<Operator>().map(|operator| &*operator.kernel)
}

/// The node that feeds the only input of `node`.
fn sole_input(model: &TypedModel, node: usize) -> Option<usize> {
    match model.nodes[node].inputs.as_slice() {
        [OutletId { node, slot: 0 }] => Some(*node),
        _ => None,
    }
}
