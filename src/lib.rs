//! Segments the layers of the retina in OCT scans and measures their thickness.
//!
//! The rooms, each to be entered alone:
//! - [`layer`]: the vocabulary of layers and boundaries;
//! - [`scan`]: what a scan is, and readers of scanner files;
//! - [`network`]: the model file, its input and its runtime;
//! - [`surface`]: ordered boundaries from class scores;
//! - [`measure`]: thickness, and accuracy against labels;
//! - [`phantom`]: synthetic scans with exact labels.
//!
//! `ARCHITECTURE.md` shows how a scan travels through them.

pub mod layer;
pub mod measure;
pub mod network;
pub mod scan;
pub mod surface;
