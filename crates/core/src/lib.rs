//! Segments the layers of the retina in B-scans and measures their thickness. No IO but loading a model file.
//!
//! - [`layer`]: the vocabulary of layers and boundaries;
//! - [`lesion`]: that of lesions;
//! - [`scan`]: what a B-scan is, where it lies, and the source of each fact about it;
//! - [`network`]: the model file, its input and its runtime;
//! - [`surface`]: ordered boundaries from class scores;
//! - [`measure`]: thickness, quality, maps, reference, follow-up, and accuracy against labels;
//! - [`segment`](mod@segment): one B-scan through all of these;
//! - [`phantom`]: synthetic scans with exact labels;
//! - [`error_code`]: the stable codes of all errors of the program.
//!
//! # Examples
//! Segments a synthetic B-scan with a shipped model, which needs the feature `embedded-model`:
//! ```
//! use octrls_core::{
//!     layer::EzConvention,
//!     measure::Verdict,
//!     network::{Network, ShippedModel},
//!     phantom::{Phantom, PhantomOptions},
//!     scan::{Provenance, Spacing},
//!     segment::segment,
//! };
//!
//! # #[cfg(feature = "embedded-model")]
//! # fn main() -> Result<(), octrls_core::network::ModelError> {
//! let phantom = Phantom::generate(&PhantomOptions::spectralis(), 1);
//! let axial = Spacing { um: phantom.axial_um, from: Provenance::Operator };
//! let network = Network::shipped(ShippedModel::Edge)?;
//! let result = segment(&network, 0, phantom.bscan, Some(axial), EzConvention::default())?;
//! assert_eq!(result.verdict(), Verdict::Good);
//! for thickness in result.thicknesses.iter() {
//!     println!("{}: {:?} um", thickness.of.name(), thickness.mean);
//! }
//! # assert!(result.thicknesses.retina.mean.is_some_and(|um| (200.0..400.0).contains(&um)));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "embedded-model"))]
//! # fn main() {}
//! ```

pub mod error_code;
pub mod layer;
pub mod lesion;
pub mod measure;
pub mod network;
pub mod phantom;
pub mod scan;
pub mod segment;
pub mod serde_path;
pub mod shown;
pub mod surface;

pub use error_code::{ErrorCode, UnknownCode};
