//! Measures: the thickness of layers, and how far a segmentation is from a reference.

pub mod accuracy;
mod thickness;

pub use thickness::{LayerThickness, ThicknessUnit, Thicknesses};
