//! Labels that other programs draw: polygons of makesense.ai, index masks, label images of ITK-SNAP.

mod images;
mod polygons;

pub use images::{LabelVolume, is_nifti, read_index_mask, read_nifti};
pub use polygons::{ImagePolygons, Polygon, parse_polygons, rasterise};
