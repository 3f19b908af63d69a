//! En-face measures of a whole scan: thickness between and around its B-scans.

mod circle;
mod etdrs;
mod field;
mod fovea;
mod gcipl;
mod mean;
mod rows;
mod sector;
mod star;
mod volume;

pub use circle::{CircleProfile, ClockHour, Quadrant};
pub use etdrs::{COVERED, ETDRS_RADII_MM, EtdrsGrid, Subfield, SubfieldThickness};
pub use field::{AScanThickness, Slice, ThicknessField};
pub use fovea::{Centre, CentreSource, find_fovea};
pub use gcipl::{GciplSector, GciplThickness, SectorThickness};
pub use sector::{Side, side};
pub use volume::{MeasuredGrid, Volume, VolumeMeasures};
