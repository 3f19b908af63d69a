//! The last convolution: from the channels of a pixel to its class scores.

use std::sync::Arc;

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::{
    buffer::Buffer,
    feature_map::FeatureMap,
    matmul::{PackedWeights, matmul},
    parallel::for_each_parallel,
    vector::transpose,
};

/// Columns that the classes are padded to.
const COLUMNS: usize = 16;

/// 1 x 1 convolution and bias, at most 16 outputs.
#[derive(Clone, Debug)]
pub struct Head {
    outputs: usize,
    weights: PackedWeights,
    bias: Vec<f32>,
}

impl Head {
    /// Whether this number of classes is supported.
    #[must_use]
    pub const fn supports(outputs: usize) -> bool {
        outputs > 0 && outputs <= COLUMNS
    }

    /// `weights` is `[outputs][inputs]`, `bias` has one value per output; [`Head::supports`] must hold.
    #[must_use]
    pub fn new(inputs: usize, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let weights =
            PackedWeights::new(inputs, COLUMNS, |i, o| if o < outputs { weights[o * inputs + i] } else { 0.0 });
        let mut padded = bias.to_vec();
        padded.resize(COLUMNS, 0.0);
        Self { outputs, weights, bias: padded }
    }

    /// Number of classes.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// For each class, a weight for each input, and the bias; `None` unless there are `N` inputs.
    pub(crate) fn planar_weights<const N: usize>(&self) -> Option<Vec<([f32; N], f32)>> {
        let weights = |class: usize| (std::array::from_fn(|i| self.weights.at(i, class)), self.bias[class]);
        (self.weights.depth() == N).then(|| (0..self.outputs).map(weights).collect())
    }

    /// Computes the scores of `source`, `[outputs][height][width]`.
    #[must_use]
    pub fn run(&self, level: Level, threads: usize, source: &FeatureMap) -> Arc<Buffer> {
        let (height, width) = (source.height(), source.width());
        let pool = source.pool();
        let mut scores = pool.take(self.outputs * height * width);
        let mut planes: Vec<_> = scores.chunks_exact_mut(height * width).map(|p| p.chunks_exact_mut(width)).collect();
        let rows: Vec<Vec<&mut [f32]>> =
            (0..height).map(|_| planes.iter_mut().filter_map(Iterator::next).collect()).collect();
        let scratch = || pool.take(width * COLUMNS);
        for_each_parallel(threads, rows.into_iter().enumerate(), scratch, |(y, mut rows), pixels| {
            dispatch!(level, simd => self.row(simd, source.row(y), pixels, &mut rows));
        });
        Arc::new(scores)
    }

    #[inline(always)]
    fn row<S: Simd>(&self, simd: S, values: &[f32], pixels: &mut [f32], rows: &mut [&mut [f32]]) {
        matmul(simd, values, &self.weights, Some(&self.bias), pixels, COLUMNS);
        let (pixels, _) = pixels.as_chunks::<COLUMNS>();
        let (squares, rest) = pixels.as_chunks::<COLUMNS>();
        for (i, square) in squares.iter().enumerate() {
            let lines = transpose(square.each_ref().map(|pixel| f32x16::load_array_ref(simd, pixel)));
            for (row, line) in rows.iter_mut().zip(lines) {
                line.store_slice(&mut row[i * COLUMNS..][..COLUMNS]);
            }
        }
        let done = squares.len() * COLUMNS;
        for (class, row) in rows.iter_mut().enumerate() {
            for (score, pixel) in row[done..].iter_mut().zip(rest) {
                *score = pixel[class];
            }
        }
    }
}
