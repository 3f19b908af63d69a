//! Random variants of a labelled scan: geometry, contrast, noise, shadows and artefacts.
//!
//! The order matches the runtime: the whole frame is warped and degraded as display intensities, standardised over its
//! whole area, and cropped last.

mod artefact;
mod crop;
mod frame;
mod geometry;
mod negative;
mod noise;
mod perturb;
mod photometric;
mod random;
mod scan_crops;

pub use crop::Crop;
pub use frame::{Frame, MAX_SIDE};
pub use negative::negative_crop;
pub use perturb::{PERTURBATIONS, Perturbation};
pub use scan_crops::{plain_crop, varied_crop};
