//! The last convolution: from the channels of a pixel to its class scores.

use std::sync::Arc;

use fearless_simd::{Level, Simd, dispatch};

use super::{
    map::FeatureMap,
    product::{Panels, product},
    strips::share,
};

/// Columns that the classes are padded to.
const COLUMNS: usize = 16;

/// 1 x 1 convolution and bias, at most 16 outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    outputs: usize,
    weights: Panels,
    bias: Vec<f32>,
}

impl Head {
    /// Whether so many classes can be made.
    pub(crate) const fn fit(outputs: usize) -> bool {
        outputs > 0 && outputs <= COLUMNS
    }

    /// `weights` is `[outputs][inputs]`, `bias` has a value for each output; [`Head::fit`] holds.
    pub(crate) fn new(inputs: usize, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let weights = Panels::new(inputs, COLUMNS, |i, o| if o < outputs { weights[o * inputs + i] } else { 0.0 });
        let mut padded = bias.to_vec();
        padded.resize(COLUMNS, 0.0);
        Self { outputs, weights, bias: padded }
    }

    /// The number of classes.
    pub(crate) const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Scores, `[outputs][height][width]`.
    pub(crate) fn run(&self, level: Level, threads: usize, source: &FeatureMap) -> Arc<Vec<f32>> {
        let (height, width) = (source.height(), source.width());
        let mut scores = vec![0.0; self.outputs * height * width];
        let mut planes: Vec<_> = scores.chunks_exact_mut(height * width).map(|p| p.chunks_exact_mut(width)).collect();
        let rows: Vec<Vec<&mut [f32]>> =
            (0..height).map(|_| planes.iter_mut().filter_map(Iterator::next).collect()).collect();
        let scratch = || vec![0.0; width * COLUMNS];
        share(threads, rows.into_iter().enumerate(), scratch, |(y, rows), pixels: &mut Vec<f32>| {
            dispatch!(level, simd => self.row(simd, source.row(y), pixels));
            let (pixels, _) = pixels.as_chunks::<COLUMNS>();
            for (class, row) in rows.into_iter().enumerate() {
                for (score, pixel) in row.iter_mut().zip(pixels) {
                    *score = pixel[class];
                }
            }
        });
        Arc::new(scores)
    }

    #[inline(always)]
    fn row<S: Simd>(&self, simd: S, pixels: &[f32], out: &mut [f32]) {
        product(simd, pixels, &self.weights, Some(&self.bias), out, COLUMNS);
    }
}
