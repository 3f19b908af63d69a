//! Labelled scans: samples, data sets, and their split into training, validation and test parts.

mod annotations;
mod boundaries;
mod choroid;
mod masks;
mod phantoms;
mod sets;
mod split;
mod target;

use std::path::PathBuf;

use octrls_core::{layer::{BOUNDARIES, EzConvention, Layer}, scan::BScan};
use octrls_readers::ReadError;

pub use annotations::{Polygon, annotated_samples, rasterise, read_annotations};
pub(crate) use boundaries::mask_of_rows;
pub use boundaries::read_boundaries;
pub use choroid::add_choroids;
pub use masks::{read_mask, write_mask};
pub use phantoms::phantom;
pub use sets::{DataSet, load_part};
pub use split::{Part, Splits};
pub use target::{BELOW, target_codes};

/// The choroid label of a scan.
#[derive(Clone, Debug, PartialEq)]
pub enum ChoroidLabel {
    /// Not labelled.
    Open,
    /// The mask includes it.
    InMask,
    /// Rows of the choroid-sclera boundary, traced separately from the mask; `None` in A-scans without trace.
    Traced(Vec<Option<f32>>),
    /// A reader looked for the choroid's end and could not see it.
    NotVisible,
}

impl ChoroidLabel {
    /// The choroid label of a scan whose only labels are in `mask`.
    #[must_use]
    pub fn of_mask(mask: &[u8]) -> Self {
        if mask.contains(&Layer::Choroid.class()) { Self::InMask } else { Self::Open }
    }
}

/// Rows of each boundary in each A-scan; `None` where unlabelled.
pub type BoundaryRows = [Vec<Option<f32>>; BOUNDARIES];

/// A B-scan and its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The scan.
    pub bscan: BScan,
    /// Index mask, `width * height` classes; [`octrls_core::measure::accuracy::IGNORE`] where unlabelled, [`BELOW`] where
    /// only the choroid is unlabelled.
    pub mask: Vec<u8>,
    /// Name of the data set.
    pub set: String,
    /// Subject or group; samples of one subject are similar.
    pub subject: String,
    /// File name without extension.
    pub id: String,
    /// Boundaries as drawn, if the set has them; finer than the mask.
    pub boundaries: Option<BoundaryRows>,
    /// Boundaries as drawn by a second grader.
    pub second_grader: Option<BoundaryRows>,
    /// The choroid label.
    pub choroid: ChoroidLabel,
    /// Where the ellipsoid zone ends in the labels, by convention.
    pub ez: EzConvention,
    /// Axial sample spacing in micrometres, if known.
    pub axial_um: Option<f64>,
}

impl Sample {
    /// A scan with an index mask, without set and subject.
    #[must_use]
    pub fn new(bscan: BScan, mask: Vec<u8>) -> Self {
        Self {
            bscan,
            mask,
            set: String::new(),
            subject: String::new(),
            id: String::new(),
            boundaries: None,
            second_grader: None,
            choroid: ChoroidLabel::Open,
            ez: EzConvention::default(),
            axial_um: None,
        }
    }
}

/// An error of reading a data set.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A scan could not be read.
    #[error("{path}: {source}", path = path.display())]
    Scan {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: ReadError,
    },
    /// A label file is invalid.
    #[error("{path}: {reason}", path = path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A part of the data has no samples.
    #[error("no {part} scans under {path}", path = path.display())]
    Empty {
        /// The part.
        part: Part,
        /// The data folder.
        path: PathBuf,
    },
}

impl DataError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn label(path: impl Into<PathBuf>, reason: impl std::fmt::Display) -> Self {
        Self::Label { path: path.into(), reason: reason.to_string() }
    }
}
