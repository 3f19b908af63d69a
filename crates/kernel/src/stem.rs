//! The first convolution, from the one channel of the image.

use fearless_simd::{Level, Simd, dispatch, f32x8, prelude::*};

use super::{
    feature_map::FeatureMap,
    matmul::PackedWeights,
    parallel::for_each_parallel,
    planar_conv::PlanarConv,
    vector::{exceeds_eight, fills_widest},
};

/// 3 x 3 convolution of one plane with a margin of one pixel, bias and ReLU.
#[derive(Clone, Debug)]
pub struct Stem {
    /// `[9][outputs]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Stem {
    /// Whether this number of output channels is supported.
    #[must_use]
    pub const fn supports(outputs: usize) -> bool {
        PackedWeights::supports(outputs)
    }

    /// `weights` is `[outputs][1][3][3]`, `bias` has one value per output; [`Stem::supports`] must hold.
    #[must_use]
    pub fn new(weights: &[f32], bias: &[f32]) -> Self {
        let weights = (0..9).flat_map(|tap| weights.iter().skip(tap).step_by(9).copied()).collect();
        Self { weights, bias: bias.to_vec() }
    }

    /// The same convolution for planar maps; `None` unless it has as many outputs as these have planes.
    pub(crate) fn planar(&self) -> Option<PlanarConv> {
        let outputs = self.outputs();
        let weights: Vec<f32> =
            (0..outputs).flat_map(|o| self.weights.iter().skip(o).step_by(outputs).copied()).collect();
        PlanarConv::new(&weights, &self.bias)
    }

    /// Channels of its maps.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Convolves `plane`, which is `[height][width]` like `out`.
    pub fn run(&self, level: Level, threads: usize, plane: &[f32], out: &mut FeatureMap) {
        let (height, width, stride) = (out.height(), out.width(), out.stride());
        let strips = out.rows_mut().chunks_mut(stride).enumerate();
        let scratch = || vec![0.0; 3 * (width + 2)];
        for_each_parallel(threads, strips, scratch, |(y, row), window: &mut Vec<f32>| {
            window.fill(0.0);
            for (dy, line) in window.chunks_exact_mut(width + 2).enumerate() {
                if let Some(above) = (y + dy).checked_sub(1).filter(|&above| above < height) {
                    line[1..=width].copy_from_slice(&plane[above * width..][..width]);
                }
            }
            dispatch!(level, simd => self.row(simd, window, row));
        });
    }

    #[inline(always)]
    fn row<S: Simd>(&self, simd: S, window: &[f32], row: &mut [f32]) {
        let outputs = self.bias.len();
        if fills_widest::<S>(outputs) {
            for channel in (0..outputs).step_by(<S::f32s as SimdBase<S>>::LEN) {
                self.channels::<S, S::f32s>(simd, channel, window, row);
            }
        } else if const { exceeds_eight::<S>() } {
            for channel in (0..outputs).step_by(8) {
                self.channels::<S, f32x8<S>>(simd, channel, window, row);
            }
        }
    }

    #[inline(always)]
    fn channels<S: Simd, V: SimdFloat<S, Element = f32>>(
        &self,
        simd: S,
        channel: usize,
        window: &[f32],
        row: &mut [f32],
    ) {
        let outputs = self.bias.len();
        let zero = V::simd_from(simd, 0.0);
        let mut taps = [zero; 9];
        for (tap, weights) in taps.iter_mut().zip(self.weights.chunks_exact(outputs)) {
            *tap = V::from_slice(simd, &weights[channel..][..V::LEN]);
        }
        let bias = V::from_slice(simd, &self.bias[channel..][..V::LEN]);
        let width = window.len() / 3 - 2;
        let (above, rest) = window.split_at(width + 2);
        let (here, below) = rest.split_at(width + 2);
        for x in 0..width {
            let mut sum = bias;
            for (dy, line) in [above, here, below].into_iter().enumerate() {
                for (dx, &value) in line[x..x + 3].iter().enumerate() {
                    sum = V::simd_from(simd, value).mul_add(taps[3 * dy + dx], sum);
                }
            }
            sum.max(zero).store_slice(&mut row[(x + 1) * outputs + channel..][..V::LEN]);
        }
    }
}
