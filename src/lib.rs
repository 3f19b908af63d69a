//! Segments the layers of the retina in OCT scans and measures their thickness.
//!
//! The rooms, each to be entered alone:
//! - [`layer`]: the vocabulary of layers and boundaries;
//! - [`scan`]: what a scan is, and readers of scanner files;
//! - `kernel`: the network's arithmetic in SIMD;
//! - [`network`]: the model file, its input and its runtime;
//! - [`surface`]: ordered boundaries from class scores;
//! - [`measure`]: thickness, and accuracy against labels;
//! - [`segment`]: one B-scan through all of these;
//! - [`phantom`]: synthetic scans with exact labels;
//! - `output`, `engine`, `screen`, `cli` (feature `app`): results on disk, the watcher and its workers, the
//!   dashboard and its siblings, the command line;
//! - `node` (feature `dicom-net`): DICOM by network;
//! - `fleet` (feature `fleet`): a watcher's work done on other boxes.
//!
//! `ARCHITECTURE.md` shows how a scan travels through them.

pub mod digest;
mod kernel;
pub mod layer;
pub mod measure;
pub mod network;
pub mod phantom;
pub mod scan;
pub mod segment;
mod serial;
pub mod surface;

#[cfg(all(feature = "app", unix))]
mod attach;
#[cfg(feature = "app")]
pub mod cli;
#[cfg(feature = "app")]
mod config;
#[cfg(feature = "app")]
mod confined;
#[cfg(feature = "app")]
mod doctor;
#[cfg(feature = "app")]
mod durable;
#[cfg(feature = "app")]
pub mod engine;
#[cfg(feature = "fleet")]
mod fleet;
#[cfg(all(feature = "app", unix, any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "app")]
mod metrics;
#[cfg(feature = "app")]
mod mounts;
#[cfg(feature = "dicom-net")]
pub mod node;
#[cfg(feature = "app")]
pub mod output;
#[cfg(feature = "app")]
pub mod screen;
#[cfg(feature = "app")]
mod service;
