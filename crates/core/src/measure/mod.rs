//! Measures: layer thickness, quality of image and segmentation, accuracy against labels, and comparison with a
//! reference group or with earlier visits of the same eye.

pub mod accuracy;
mod choroid;
mod criteria;
pub mod enface;
mod findings;
pub mod follow_up;
mod gates;
mod lesions;
mod no_retina;
mod quality;
pub mod reference;
mod signal;
mod summary;
mod thickness;
pub mod uncertainty;

pub use choroid::ChoroidVisibility;
pub use criteria::{BScanFacts, Criterion, CriterionResult, Outcome, ScanFacts, ScanQuality, flag_words};
pub(crate) use findings::is_interrupted;
pub use findings::{Finding, FindingKind, UnknownFinding};
pub use gates::{Gates, GatesError};
pub use lesions::LesionFigures;
pub use no_retina::NoRetina;
pub use quality::{Quality, Verdict};
pub use signal::Signal;
pub use summary::EtdrsSummary;
pub use thickness::{LayerThickness, ThicknessUnit, Thicknesses};
