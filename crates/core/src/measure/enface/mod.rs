//! En-face measures of a whole scan: thickness between and around its B-scans.

mod circle;
mod etdrs;
mod fovea;
mod gcipl;
mod mean;
mod radial;
mod raster;
mod sector;
mod thickness_map;
mod volume;

pub use circle::{CircleProfile, ClockHour, Quadrant};
pub use etdrs::{COVERED, ETDRS_RADII_MM, EtdrsGrid, Subfield, SubfieldThickness};
pub use fovea::{Centre, CentreSource, find_fovea};
pub use gcipl::{GciplSector, GciplThickness, SectorThickness};
pub use sector::{Side, side};
pub use thickness_map::{AScanThickness, Slice, ThicknessMap};
pub use volume::{MeasuredGrid, Volume, VolumeMeasures};
