//! Labelled scans: samples, data sets, and their split into training, validation and test parts.

mod annotations;
mod boundaries;
mod choroid;
mod draft;
mod error;
mod label;
mod lesions;
mod masks;
mod part;
mod phantoms;
mod sample;
mod sets;
mod split;

pub use annotations::{annotated_samples, read_annotations};
pub(crate) use boundaries::mask_from_rows;
pub use boundaries::read_boundaries;
pub use choroid::add_choroids;
pub use draft::{DRAFTED_SETS, draft};
pub use error::DataError;
pub use label::{BELOW_RPE, PixelLabel, pixel_labels};
pub use masks::{read_mask, write_mask};
pub use part::Part;
pub use phantoms::{PHANTOMS, phantom};
pub use sample::{BoundaryRows, ChoroidLabel, Sample};
pub use sets::{DataSet, load_part};
pub use split::Splits;
