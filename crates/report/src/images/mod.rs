//! PNG images: the class map and the overlay of a B-scan, the thickness maps of a volume, the change since
//! the previous visit.

mod bscan_images;
mod canvas;
mod difference_map;
mod overlay;
mod thickness_maps;

pub use bscan_images::Pictures;
pub use overlay::overlay;
pub use thickness_maps::viridis;

pub(super) use bscan_images::png;
pub(super) use canvas::BACKGROUND;
pub(super) use difference_map::{DifferenceScale, difference_map};
pub(super) use thickness_maps::{MapPanel, map_panels, thickness_maps};
