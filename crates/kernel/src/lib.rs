//! The arithmetic of a UNet in SIMD: 3 x 3 convolution, 2 x 2 up-convolution, pooling and the 1 x 1 head.
//!
//! Activations are [`FeatureMap`]s: channels last, so that a vector holds neighbouring channels of one pixel, with a
//! margin of zeros, so that convolutions need no border checks. Each operator supports every instruction set of
//! [`fearless_simd`] and uses the widest that the machine has.

#![expect(
    clippy::inline_always,
    reason = "vector code must be compiled within its caller, for the same instruction set"
)]

mod cores;
mod fused_decoder;
mod fused_encoder;
mod head;
mod lines;
mod map;
mod memory;
mod product;
mod stem;
mod strips;
mod upconv;
mod winograd;

pub use cores::{Cores, Run};
pub use fused_decoder::FusedDecoder;
pub use fused_encoder::FusedEncoder;
pub use head::Head;
pub use lines::{Lines, STEP};
pub use map::FeatureMap;
pub use memory::{Buffer, Pool};
pub use stem::Stem;
pub use strips::share;
pub use upconv::UpConv;
pub use winograd::Conv3x3;

#[cfg(test)]
mod tests;
