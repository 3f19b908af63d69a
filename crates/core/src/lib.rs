//! Segments the layers of the retina in B-scans and measures their thickness. No IO but loading a model file.
//!
//! - [`layer`]: the vocabulary of layers and boundaries;
//! - [`scan`]: what a B-scan is, where it lies, and which facts about it come from where;
//! - [`network`]: the model file, its input and its runtime;
//! - [`surface`]: ordered boundaries from class scores;
//! - [`measure`]: thickness, quality, maps, reference, follow-up, and accuracy against labels;
//! - [`segment`](mod@segment): one B-scan through all of these;
//! - [`phantom`]: synthetic scans with exact labels.

pub mod error_code;
pub mod layer;
pub mod measure;
pub mod network;
pub mod phantom;
pub mod scan;
pub mod segment;
pub mod serde_path;
pub mod surface;

pub use error_code::{ErrorCode, UnknownCode};
