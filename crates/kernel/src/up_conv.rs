//! Transposed 2 x 2 convolution with stride 2.

use fearless_simd::{Level, Simd, dispatch};

use super::{
    feature_map::FeatureMap,
    matmul::{PackedWeights, matmul},
    parallel::for_each_parallel,
};

/// Doubles height and width: every pixel becomes 2 x 2 pixels, each with its own weights, plus bias.
#[derive(Clone, Debug)]
pub struct UpConv {
    /// For the upper and the lower output row: input channels by the output channels of the left pixel, then of the
    /// right.
    weights: [PackedWeights; 2],
    bias: Vec<f32>,
}

impl UpConv {
    /// Whether this number of output channels is supported.
    #[must_use]
    pub const fn supports(outputs: usize) -> bool {
        PackedWeights::supports(outputs)
    }

    /// `weights` is `[outputs][inputs][2][2]`, `bias` has one value per output; [`UpConv::supports`] must hold.
    #[must_use]
    pub fn new(inputs: usize, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let weights = [0, 1].map(|dy| {
            PackedWeights::new(inputs, 2 * outputs, |i, n| {
                let (dx, o) = (n / outputs, n % outputs);
                weights[(o * inputs + i) * 4 + dy * 2 + dx]
            })
        });
        Self { weights, bias: [bias, bias].concat() }
    }

    /// Channels of its maps.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.bias.len() / 2
    }

    /// Enlarges `source` to `out`, which has twice its height and width.
    pub fn run(&self, level: Level, threads: usize, source: &FeatureMap, out: &mut FeatureMap) {
        let stride = out.stride();
        let strips = out.rows_mut().chunks_mut(2 * stride).enumerate();
        for_each_parallel(
            threads,
            strips,
            || (),
            |(y, rows), ()| {
                dispatch!(level, simd => self.rows(simd, source.row(y), rows, stride));
            },
        );
    }

    #[inline(always)]
    fn rows<S: Simd>(&self, simd: S, pixels: &[f32], rows: &mut [f32], stride: usize) {
        let margin = self.outputs();
        for (dy, row) in rows.chunks_exact_mut(stride).enumerate() {
            self.row(simd, pixels, dy, &mut row[margin..stride - margin]);
        }
    }

    /// Computes the upper (`dy` is 0) or the lower output row for a row of pixels.
    pub(crate) fn row<S: Simd>(&self, simd: S, pixels: &[f32], dy: usize, out: &mut [f32]) {
        matmul(simd, pixels, &self.weights[dy], Some(&self.bias), out, self.bias.len());
    }
}
