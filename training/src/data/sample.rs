//! A labelled scan.

use octrls_core::{
    layer::{BOUNDARIES, EzConvention, Layer},
    scan::BScan,
};

/// The choroid label of a scan.
#[derive(Clone, Debug, PartialEq)]
pub enum ChoroidLabel {
    /// Not labelled.
    Unlabelled,
    /// The mask includes it.
    InMask,
    /// The choroid-sclera boundary, traced separately from the mask.
    Traced {
        /// Its row in each A-scan; `None` without trace.
        rows: Vec<Option<f32>>,
        /// Whether the reader saw it there, or carried the line on from where it can be seen.
        visible: Vec<bool>,
    },
}

impl ChoroidLabel {
    /// The choroid label of a scan whose only labels are in `mask`.
    #[must_use]
    pub fn from_mask(mask: &[u8]) -> Self {
        if mask.contains(&Layer::Choroid.class()) { Self::InMask } else { Self::Unlabelled }
    }
}

/// Rows of each boundary in each A-scan; `None` where unlabelled.
pub type BoundaryRows = [Vec<Option<f32>>; BOUNDARIES];

/// A B-scan and its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The scan.
    pub bscan: BScan,
    /// Index mask, `width * height` classes. Unlabelled pixels are [`octrls_core::measure::accuracy::IGNORE`], those
    /// where only the choroid is unlabelled [`super::BELOW_RPE`].
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
    /// Lesion mask, `width * height` classes; unlabelled pixels are [`octrls_core::measure::accuracy::IGNORE`].
    pub lesions: Option<Vec<u8>>,
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
            lesions: None,
            choroid: ChoroidLabel::Unlabelled,
            ez: EzConvention::default(),
            axial_um: None,
        }
    }
}
