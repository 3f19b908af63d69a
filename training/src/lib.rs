//! Trains the segmentation network of OCT-RLS and exports it.
//!
//! [`data`] reads labelled scans, [`augment`] varies them, [`batch`] draws and joins them. [`model`] is the network,
//! [`loss`] the objective, [`train`] the training loop. [`score`] measures accuracy, [`export`] writes the ONNX file,
//! [`import`] reads its weights back, [`evaluate`] measures an exported model. [`ablation`] lists the steps that a
//! training can leave out.
//!
//! [`octrls_readers`] reads scans; [`octrls_core`] preprocesses, segments and measures them. So training matches the
//! runtime.

pub mod ablation;
pub mod augment;
pub mod batch;
pub mod cli;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod export;
pub mod files;
pub mod import;
pub mod loss;
pub mod model;
pub mod score;
pub mod train;
