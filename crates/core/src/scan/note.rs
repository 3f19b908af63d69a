//! What is wrong or missing in what a scan states about itself.

use serde::{Deserialize, Serialize};

use super::Spacing;

/// Axial spacings of retinal scanners, in micrometres.
pub const AXIAL_UM: std::ops::RangeInclusive<f64> = 0.5..=20.0;
/// Lateral spacings of retinal scanners, in micrometres.
pub const LATERAL_UM: std::ops::RangeInclusive<f64> = 1.0..=200.0;
/// Median thickness of a retina, in micrometres.
pub const RETINA_UM: std::ops::RangeInclusive<f64> = 100.0..=600.0;

/// Something about a scan that whoever uses its result must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The file names both eyes, so the eye is unknown.
    EyeContradictory,
    /// The file is one part of a scan that was split into several files.
    PartOfConcatenation,
    /// The axial spacing is outside [`AXIAL_UM`].
    AxialSpacingImplausible,
    /// The lateral spacing is outside [`LATERAL_UM`].
    LateralSpacingImplausible,
    /// The median thickness of the retina is outside [`RETINA_UM`].
    RetinaImplausible,
}

impl Note {
    /// The note in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::EyeContradictory => "The file names both eyes, so the eye is not known.",
            Self::PartOfConcatenation => "The file is one part of a scan; the other parts are missing.",
            Self::AxialSpacingImplausible => {
                "The axial spacing is outside 0.5 to 20 um: check it, also whether axial and lateral are swapped."
            }
            Self::LateralSpacingImplausible => {
                "The lateral spacing is outside 1 to 200 um: check it, also whether axial and lateral are swapped."
            }
            Self::RetinaImplausible => {
                "The median thickness of the retina is outside 100 to 600 um: check spacing and lines."
            }
        }
    }

    /// The notes on implausible spacings. Implausible values are kept: nobody knows the right ones.
    #[must_use]
    pub fn on_spacings(axial: Option<Spacing>, lateral: Option<Spacing>) -> Vec<Self> {
        let outside = |spacing: Option<Spacing>, range: std::ops::RangeInclusive<f64>, note: Self| {
            spacing.filter(|s| !range.contains(&s.um)).map(|_| note)
        };
        let axial = outside(axial, AXIAL_UM, Self::AxialSpacingImplausible);
        axial.into_iter().chain(outside(lateral, LATERAL_UM, Self::LateralSpacingImplausible)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Provenance;

    #[test]
    fn spacings_outside_what_scanners_have_are_noted() {
        let notes = |axial: f64, lateral: f64| {
            let of = |um| Some(Spacing { um, from: Provenance::Header });
            Note::on_spacings(of(axial), of(lateral))
        };
        for (axial, lateral) in [(3.87, 11.3), (0.5, 1.0), (20.0, 200.0), (11.3, 3.87)] {
            assert_eq!(notes(axial, lateral), [], "{axial} {lateral}");
        }
        assert_eq!(notes(20.1, 0.9), [Note::AxialSpacingImplausible, Note::LateralSpacingImplausible]);
        assert_eq!(notes(0.4, 201.0), [Note::AxialSpacingImplausible, Note::LateralSpacingImplausible]);
        assert_eq!(Note::on_spacings(None, None), []);
    }
}
