//! En-face measures of a whole scan: thickness between and around its B-scans.

mod cells;
mod circle;
mod coverage;
mod etdrs;
mod fovea;
mod gcc;
mod gcipl;
mod lesion_volume;
mod line_profile;
mod magnification;
mod posterior_pole;
mod radial;
mod raster;
mod side;
mod slice;
mod thickness_map;
mod volume;
mod weighted_mean;

#[cfg(test)]
pub(crate) mod fixtures;

pub use circle::{CircleProfile, CircleSector, ClockHour, DiscCentre, DiscSource, GarwayHeath, Quadrant};
pub use coverage::{COVERED, Coverage, SHOWN};
pub use etdrs::{ETDRS_RADII_MM, EtdrsGrid, Subfield, SubfieldThickness};
pub use fovea::{Centre, CentreSource, find_fovea};
pub use gcc::GccThickness;
pub use gcipl::{GciplSector, GciplThickness, SectorThickness};
pub use lesion_volume::{CircleVolume, LesionGrid, LesionVolume, SubfieldVolume};
pub use magnification::{ASSUMED_LENGTH_MM, Magnification};
pub use posterior_pole::{POLE_CELL_MM, PoleCell, PosteriorPole};
pub use side::Side;
pub use slice::{AScanThickness, Slice};
pub use thickness_map::ThicknessMap;
pub use volume::{MeasuredGrid, SubfieldShare, Volume, VolumeMeasures};
