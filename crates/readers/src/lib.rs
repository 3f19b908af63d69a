//! Readers of OCT scanner files.
//!
//! [`open()`], or [`OpenedScan`] for files of several series, chooses a reader by content. A [`ScanReader`] then returns
//! one B-scan at a time, so that the intensities of a volume are never all in memory. (DICOM pixels stay in memory as
//! stored in the file, often compressed.)

mod bioptigen;
mod budget;
mod codec;
mod content;
pub mod dicom;
mod dimensions;
mod error;
mod extensions;
mod fundus;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod header_ext;
mod heidelberg;
mod labels;
mod little_endian;
mod name_pattern;
mod natural_order;
mod open;
mod options;
mod panel;
mod raster;
mod reader;
mod recentre;
mod scan_files;
mod sidecar;
mod sized_file;
mod topcon;
mod volume_folder;
mod xml;
mod zeiss;

pub use content::{may_be_scan, may_be_scan_within, needs_content};
pub use dicom::{
    DicomOrigin, DicomReference, FrameDirections, FramePlane, FramePlanes, InstanceIdentity, LossyCompression, Role,
    SeriesKey, role, role_and_identity, series_key,
};
pub use dimensions::{MAX_PIXELS, MAX_SIDE};
pub use error::ReadError;
pub use extensions::{has_scan_extension, may_be_instance, may_have_parts};
pub use fundus::FundusImage;
pub use heidelberg::xml::ExportParts;
pub use labels::{
    ImagePolygons, LabelVolume, Polygon, is_nifti, parse_polygons, rasterise, read_index_mask, read_nifti,
};
pub use name_pattern::{NameFacts, NamePattern};
pub use natural_order::{NaturalKey, natural_key};
pub use open::{OpenedScan, open, parts, parts_within};
pub use options::{RawScan, ReadOptions};
pub use reader::ScanReader;
pub use recentre::{check_centre, state_centre};
pub use scan_files::{ScanFiles, group_scans, series_of};
pub use sidecar::StatedFacts;
