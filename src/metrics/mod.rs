//! Metrics in Prometheus's text format: over HTTP, or as a file for the node exporter.
//!
//! No metric names a file, a folder, an eye or a patient.

mod http;
mod registry;
mod textfile;

pub(crate) use http::{Health, serve};
pub(crate) use registry::Metrics;
pub(crate) use textfile::TextFile;
