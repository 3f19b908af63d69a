//! En-face measures of a whole scan: thickness between and around its B-scans.

mod circle;
mod etdrs;
mod fovea;
mod gcipl;
mod lesion_volume;
mod line_profile;
mod radial;
mod raster;
mod side;
mod slice;
mod thickness_map;
mod volume;
mod weighted_mean;

#[cfg(test)]
mod fixtures;

pub use circle::{CircleProfile, ClockHour, Quadrant};
pub use etdrs::{COVERED, ETDRS_RADII_MM, EtdrsGrid, Subfield, SubfieldThickness};
pub use fovea::{Centre, CentreSource, find_fovea};
pub use gcipl::{GciplSector, GciplThickness, SectorThickness};
pub use lesion_volume::{CircleVolume, LesionGrid, LesionVolume, SubfieldVolume};
pub use side::Side;
pub use slice::{AScanThickness, Slice};
pub use thickness_map::ThicknessMap;
pub use volume::{MeasuredGrid, SubfieldShare, Volume, VolumeMeasures};
