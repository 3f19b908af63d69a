//! Lesions: fluid and tissue that does not belong to a layer, their names and colours.

use serde::{Deserialize, Serialize};

/// Number of lesions the network separates.
pub const LESIONS: usize = 5;
/// Number of classes of the network's lesion output: none, and the lesions.
pub const LESION_CLASSES: usize = LESIONS + 1;

/// A lesion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Lesion {
    /// Intraretinal fluid: cysts within the layers.
    Irf = 1,
    /// Subretinal fluid, between photoreceptors and RPE.
    Srf,
    /// The space between a lifted RPE and Bruch's membrane: drusen and pigment epithelial detachments.
    SubRpe,
    /// The cavity of a macular hole, which belongs to the vitreous.
    Hole,
    /// Subretinal hyperreflective material: membranes and scars between photoreceptors and RPE.
    Shrm,
}

impl Lesion {
    /// Every lesion, in the order of their classes.
    pub const ALL: [Self; LESIONS] = [Self::Irf, Self::Srf, Self::SubRpe, Self::Hole, Self::Shrm];

    /// Class index in lesion masks and network outputs, 1 to 5; 0 is none.
    #[must_use]
    pub const fn class(self) -> u8 {
        self as u8
    }

    /// Position in [`Lesion::ALL`], 0 to 4.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// Short name for tables and screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ["IRF", "SRF", "sub-RPE", "hole", "SHRM"][self.index()]
    }

    /// Name in file columns and JSON keys: lower case, no punctuation.
    #[must_use]
    pub const fn key(self) -> &'static str {
        ["irf", "srf", "sub_rpe", "hole", "shrm"][self.index()]
    }

    /// Full name.
    #[must_use]
    pub const fn long_name(self) -> &'static str {
        [
            "intraretinal fluid",
            "subretinal fluid",
            "space under the RPE (drusen, pigment epithelial detachment)",
            "cavity of a macular hole",
            "subretinal hyperreflective material",
        ][self.index()]
    }

    /// Colour on overlays and screens, sRGB.
    #[must_use]
    pub const fn colour(self) -> [u8; 3] {
        [[0, 190, 255], [60, 90, 255], [255, 150, 0], [190, 190, 190], [220, 60, 160]][self.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_order() {
        for (i, lesion) in Lesion::ALL.into_iter().enumerate() {
            assert_eq!((lesion.index(), usize::from(lesion.class())), (i, i + 1));
        }
    }
}
