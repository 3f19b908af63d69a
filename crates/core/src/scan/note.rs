//! What is wrong or missing in what a scan states about itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Crop, Spacing};

/// Axial spacings of retinal scanners, in micrometres.
pub const AXIAL_UM: std::ops::RangeInclusive<f64> = 0.5..=20.0;
/// Lateral spacings of retinal scanners, in micrometres.
pub const LATERAL_UM: std::ops::RangeInclusive<f64> = 1.0..=200.0;
/// Median thickness of a retina, in micrometres.
pub const RETINA_UM: std::ops::RangeInclusive<f64> = 100.0..=600.0;

/// Something about a scan, or about how it was read, that whoever uses its result must know.
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
    /// B-scans that the file lists are missing.
    BscansMissing {
        /// B-scans that are missing.
        missing: usize,
        /// B-scans that the file lists.
        listed: usize,
    },
    /// Millimetres come from a default length of a degree.
    DefaultDegree {
        /// Micrometres per degree.
        um: u32,
    },
    /// Only a part of a picture of several panels was read.
    PanelOfPicture(Crop),
    /// The picture was turned as its orientation tag states.
    PictureTurned,
    /// Samples of 16 bits hold fewer and were scaled by these.
    DepthScaled {
        /// Bits that the samples hold.
        bits: u32,
    },
    /// The name of the file does not fit the name pattern.
    NameOutsidePattern,
    /// A centre is stated that the scan cannot have.
    StatedCentreUnused,
    /// A volume shows no fovea, and none is stated.
    NoFovea,
}

impl Note {
    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::EyeContradictory => "eye_contradictory",
            Self::PartOfConcatenation => "part_of_concatenation",
            Self::AxialSpacingImplausible => "axial_spacing_implausible",
            Self::LateralSpacingImplausible => "lateral_spacing_implausible",
            Self::RetinaImplausible => "retina_implausible",
            Self::StatedCentreUnused => "stated_centre_unused",
            Self::NoFovea => "no_fovea",
            Self::BscansMissing { .. } => "bscans_missing",
            Self::DefaultDegree { .. } => "default_degree",
            Self::PanelOfPicture(_) => "panel_of_picture",
            Self::PictureTurned => "picture_turned",
            Self::DepthScaled { .. } => "depth_scaled",
            Self::NameOutsidePattern => "name_outside_pattern",
        }
    }

    /// The note in a sentence.
    #[must_use]
    pub fn words(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
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
            Self::StatedCentreUnused => {
                "The stated centre was not used: it lies outside the scan, the scan's places are not known, or the file has \
                 several series."
            }
            Self::NoFovea => {
                "No fovea was found, so the subfields are those of another place: state its place, as with octrls recentre."
            }
            Self::PictureTurned => "The picture is turned as its orientation tag states.",
            Self::NameOutsidePattern => "The name of the file does not fit the name pattern.",
            Self::BscansMissing { missing, listed } => {
                return format!("{missing} of the {listed} B-scans of this scan are missing.").into();
            }
            Self::DefaultDegree { um } => {
                return format!(
                    "Millimetres by {um} um per degree, a default for any eye; they are compared with nothing."
                )
                .into();
            }
            Self::PanelOfPicture(Crop { left, top, width, height }) => {
                return format!(
                    "Only the B-scan's panel of the picture is used: {width} x {height} pixels at column {left}, row {top}."
                )
                .into();
            }
            Self::DepthScaled { bits } => {
                return format!("The 16-bit samples hold {bits} bits and are scaled by these.").into();
            }
        })
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
