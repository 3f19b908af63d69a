//! B-scans on the screen: as pixels, as characters, or by the terminal's graphics protocol.

mod bscan_image;
mod graphics;
mod image_cache;
mod image_key;
mod image_mode;

pub(crate) use bscan_image::{Overlay, RenderStyle};
pub(crate) use image_cache::ImageCache;
pub use image_mode::ImageMode;
