//! Labelled scans: samples, data sets, and their split into training, validation and test parts.

mod annotations;
mod boundaries;
mod choroid;
mod error;
mod masks;
mod part;
mod phantoms;
mod sample;
mod sets;
mod split;
mod target;

pub use annotations::{Polygon, annotated_samples, rasterise, read_annotations};
pub(crate) use boundaries::mask_from_rows;
pub use boundaries::read_boundaries;
pub use choroid::add_choroids;
pub use error::DataError;
pub use masks::{read_mask, write_mask};
pub use part::Part;
pub use phantoms::phantom;
pub use sample::{BoundaryRows, ChoroidLabel, Sample};
pub use sets::{DataSet, load_part};
pub use split::Splits;
pub use target::{BELOW_RPE, target_codes};
