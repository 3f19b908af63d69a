//! B-scans on the screen: as pixels, as characters, or by the terminal's graphics protocol.

mod bscan_image;
mod graphics;
mod image_cache;
mod image_key;
mod image_mode;
mod lesion_cells;
mod marks;
mod overlay_lines;
mod render_style;

pub(crate) use bscan_image::{crop_of, shown};
pub(crate) use image_cache::ImageCache;
pub use image_mode::ImageMode;
pub(crate) use lesion_cells::letter;
pub(crate) use marks::{MAX_POINTS, Marks};
pub(crate) use overlay_lines::has_lifted_rpe;
pub(crate) use render_style::{Overlay, RenderStyle};
