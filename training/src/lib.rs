//! Trains the network that `octrls` runs, and exports it.
//!
//! The rooms: [`data`] reads labelled scans, [`augment`] varies them, [`batch`] draws and joins them, [`model`] and
//! [`loss`] are the network and what it minimises, [`train`] is the loop, [`score`] measures accuracy,
//! [`export`] writes the ONNX file, [`import`] reads its weights back, [`evaluate`] measures what it wrote. [`steps`] names
//! what a training can leave out.
//!
//! Scans are read, preprocessed, segmented and measured by `octrls` itself, so that training meets what the runtime
//! will meet.

pub mod augment;
pub mod batch;
pub mod cli;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod export;
pub mod import;
pub mod loss;
pub mod model;
pub mod score;
pub mod steps;
pub mod train;
