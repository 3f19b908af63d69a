//! SIMD operators of a UNet: 3 x 3 convolution, 2 x 2 up-convolution, pooling and the 1 x 1 head.
//!
//! Activations lie in one of two layouts. A [`FeatureMap`] stores channels last, so that a vector holds neighbouring
//! channels of one pixel. A [`PlanarMap`] stores a plane per channel, so that a vector holds neighbouring pixels of one
//! channel; narrow levels use it, since their few channels do not fill a vector. Both have a margin of zeros, so that
//! convolutions need no border checks.
//!
//! Each operator supports every instruction set of [`fearless_simd`] and runs on the one it is given. The crate
//! compiles the arithmetic once for each instruction set, so functions that several operators use are not inlined:
//! they enter the instruction set themselves, by [`vectorize`](fearless_simd::Simd::vectorize).

#![expect(
    clippy::inline_always,
    reason = "vector code must be compiled within its caller, for the same instruction set"
)]

mod buffer;
mod conv3x3;
mod cores;
mod feature_map;
mod fused_decoder;
mod fused_encoder;
mod head;
mod matmul;
mod parallel;
mod planar_conv;
mod planar_map;
mod stem;
mod up_conv;
mod vector;
mod winograd;

pub use buffer::{Buffer, BufferPool};
pub use conv3x3::Conv3x3;
pub use cores::{CorePermit, Cores};
pub use feature_map::FeatureMap;
pub use fused_decoder::FusedDecoder;
pub use fused_encoder::FusedEncoder;
pub use head::Head;
pub use parallel::for_each_parallel;
pub use planar_map::PlanarMap;
pub use stem::Stem;
pub use up_conv::UpConv;

#[cfg(test)]
mod operator_tests;
