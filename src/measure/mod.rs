//! Measures: the thickness of layers, whether a segmentation can be trusted, and how far it is from a reference.

pub mod accuracy;
pub mod enface;
mod quality;
mod thickness;

pub use quality::{Quality, Verdict};
pub use thickness::{LayerThickness, ThicknessUnit, Thicknesses};
