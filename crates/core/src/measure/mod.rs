//! Measures: the thickness of layers, whether image and segmentation can be trusted, how far a segmentation is from labels,
//! and how far a thickness is from that of a reference group, or of the same eye before.

pub mod accuracy;
mod criteria;
pub mod enface;
pub mod follow_up;
mod quality;
pub mod reference;
mod signal;
mod summary;
mod thickness;

pub use criteria::{BScanFacts, Criterion, Gates, GatesError, Judged, Outcome, ScanFacts, ScanQuality};
pub use quality::{Quality, Verdict};
pub use signal::Signal;
pub use summary::EtdrsSummary;
pub use thickness::{LayerThickness, ThicknessUnit, Thicknesses};
