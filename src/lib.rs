//! Segments retinal layers in OCT scans and measures their thickness.
//!
//! Modules:
//! - [`layer`]: layers and boundaries;
//! - [`scan`]: scans and readers of scanner files;
//! - `kernel`: the network's arithmetic in SIMD;
//! - [`network`]: model files, network input and execution;
//! - [`surface`]: ordered boundaries from class scores;
//! - [`measure`]: thickness, and accuracy against labels;
//! - [`segment`]: all of these steps for one B-scan;
//! - [`phantom`]: synthetic scans with exact labels;
//! - `output`, `engine`, `screen`, `cli` (feature `app`): results on disk, the watcher and its workers, the dashboard
//!   and other screens, the command line;
//! - `node` (feature `dicom-net`): DICOM networking;
//! - `fleet` (feature `fleet`): distributed processing.
//!
//! `ARCHITECTURE.md` follows a scan through these modules.
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
