//! DICOM: Ophthalmic Tomography and, as far as possible, other images such as secondary captures.
//!
//! Spacing, eye and position come from the functional groups (PS3.3, C.7.6.16); those of a frame win over the shared
//! ones. Pixels stay as stored in the file until a B-scan is requested.

mod coding;
mod concatenation;
mod data_set;
mod elements;
mod errors;
mod file;
mod fragments;
mod frames;
mod fundus;
mod geometry;
mod groups;
pub(crate) mod intensity;
mod layout;
mod locations;
mod lossy;
mod lut;
mod meta;
mod object;
mod origin;
mod role;
mod series;
mod source;
mod subject;
mod subject_attributes;
mod text;
pub mod uid;

pub use data_set::{check_lengths, identifiers};
pub(crate) use file::DicomFile;
pub use lossy::LossyCompression;
pub use meta::{Meta, recognises};
pub use origin::{DicomOrigin, DicomReference, FrameDirections, FramePlane, FramePlanes};
pub(crate) use role::series_key_within;
pub use role::{InstanceIdentity, Role, SeriesKey, role, role_and_identity, series_key};
pub(crate) use series::DicomSeries;

/// Identifies this program in the files it writes and to peers (PS3.7, D.3.3.2).
pub const IMPLEMENTATION_CLASS: &str = "2.25.190853674182263105948521703596468712953";
/// Name of this program with its version, for the same purpose.
pub const IMPLEMENTATION_VERSION: &str = concat!("OCTRLS_", env!("CARGO_PKG_VERSION"));
