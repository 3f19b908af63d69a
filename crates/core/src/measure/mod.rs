//! Measures: layer thickness, quality of image and segmentation, accuracy against labels, and comparison with a
//! reference group or with earlier visits of the same eye.

pub mod accuracy;
mod criteria;
pub mod enface;
mod findings;
pub mod follow_up;
mod lesions;
mod no_retina;
mod quality;
pub mod reference;
mod signal;
mod summary;
mod thickness;

pub use criteria::{BScanFacts, Criterion, CriterionResult, Gates, GatesError, Outcome, ScanFacts, ScanQuality};
pub use findings::{Finding, FindingKind};
pub use lesions::LesionFigures;
pub use no_retina::NoRetina;
pub use quality::{Quality, Verdict};
pub use signal::Signal;
pub use summary::EtdrsSummary;
pub use thickness::{LayerThickness, ThicknessUnit, Thicknesses};
