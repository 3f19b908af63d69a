//! DICOM: Ophthalmic Tomography and, as far as possible, other images such as secondary captures.
//!
//! Spacing, eye and position come from the functional groups (PS3.3, C.7.6.16); those of a frame win over the shared
//! ones. Pixels stay as stored in the file until a B-scan is requested.

mod data_set;
mod elements;
mod errors;
mod file;
mod frames;
mod fundus;
mod geometry;
mod groups;
mod layout;
mod locations;
mod meta;
mod object;
mod origin;
mod series;
mod series_key;
mod subject;
pub mod uid;

pub use data_set::{check_lengths, identifiers};
pub(crate) use file::DicomFile;
pub use meta::{Meta, recognises};
pub use origin::{DicomOrigin, DicomReference, FramePlanes};
pub(crate) use series::DicomSeries;
pub use series_key::{SeriesKey, series_key};

/// Identifies this program in the files it writes and to peers (PS3.7, D.3.3.2).
pub const IMPLEMENTATION_CLASS: &str = "2.25.190853674182263105948521703596468712953";
/// Name of this program with its version, for the same purpose.
pub const IMPLEMENTATION_VERSION: &str = concat!("OCTRLS_", env!("CARGO_PKG_VERSION"));
