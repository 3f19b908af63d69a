//! Retinal layers, the boundaries between them, their names and colours.
//!
//! Names follow the IN-OCT consensus (Staurenghi et al., Ophthalmology 2014). Layers that the network does not separate
//! are merged: GCL and IPL are one layer, ONL includes the myoid zone.

use serde::{Deserialize, Serialize};

/// Number of layers the network separates.
pub const LAYERS: usize = 8;
/// Number of boundaries that enclose [`LAYERS`] layers.
pub const BOUNDARIES: usize = LAYERS + 1;
/// Number of network classes: background and the layers.
pub const CLASSES: usize = LAYERS + 1;

/// A retinal layer, in order from the vitreous to the sclera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Layer {
    /// Retinal nerve fibre layer.
    Nfl = 1,
    /// Ganglion cell layer and inner plexiform layer.
    GclIpl,
    /// Inner nuclear layer.
    Inl,
    /// Outer plexiform layer.
    Opl,
    /// Outer nuclear layer, with the external limiting membrane and the myoid zone.
    Onl,
    /// Ellipsoid zone, with the outer segments.
    Ez,
    /// Retinal pigment epithelium, down to Bruch's membrane.
    Rpe,
    /// Choroid, from Bruch's membrane to the choroid-sclera boundary.
    Choroid,
}

impl Layer {
    /// Every layer, from the vitreous to the sclera.
    pub const ALL: [Self; LAYERS] =
        [Self::Nfl, Self::GclIpl, Self::Inl, Self::Opl, Self::Onl, Self::Ez, Self::Rpe, Self::Choroid];

    /// Class index in masks and network outputs, 1 to 8; 0 is background.
    #[must_use]
    pub const fn class(self) -> u8 {
        self as u8
    }

    /// Position in [`Layer::ALL`], 0 to 7.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// The boundary on the vitreous side.
    #[must_use]
    pub const fn upper(self) -> Boundary {
        Boundary::ALL[self.index()]
    }

    /// The boundary on the scleral side.
    #[must_use]
    pub const fn lower(self) -> Boundary {
        Boundary::ALL[self.index() + 1]
    }

    /// Short name for tables and screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ["NFL", "GCL+IPL", "INL", "OPL", "ONL", "EZ", "RPE", "Choroid"][self.index()]
    }

    /// Name in file columns and JSON keys: lower case, no punctuation.
    #[must_use]
    pub const fn key(self) -> &'static str {
        ["nfl", "gcl_ipl", "inl", "opl", "onl", "ez", "rpe", "choroid"][self.index()]
    }

    /// Full name.
    #[must_use]
    pub const fn long_name(self) -> &'static str {
        [
            "retinal nerve fibre layer",
            "ganglion cell + inner plexiform layer",
            "inner nuclear layer",
            "outer plexiform layer",
            "outer nuclear layer + myoid zone",
            "ellipsoid zone + outer segments",
            "retinal pigment epithelium",
            "choroid",
        ][self.index()]
    }
}

/// A measured structure: one layer or the whole retina.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Measured {
    /// One layer.
    Layer(Layer),
    /// The retina, from the ILM to Bruch's membrane.
    Retina,
}

/// Number of measured structures.
pub const MEASURED: usize = LAYERS + 1;

impl Measured {
    /// Every layer, then the retina.
    #[must_use]
    pub fn all() -> [Self; MEASURED] {
        std::array::from_fn(|i| Layer::ALL.get(i).map_or(Self::Retina, |&layer| Self::Layer(layer)))
    }

    /// Position in [`Measured::all`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Layer(layer) => layer.index(),
            Self::Retina => LAYERS,
        }
    }

    /// The boundary on the vitreous side.
    #[must_use]
    pub const fn upper(self) -> Boundary {
        match self {
            Self::Layer(layer) => layer.upper(),
            Self::Retina => Boundary::Ilm,
        }
    }

    /// The boundary on the scleral side.
    #[must_use]
    pub const fn lower(self) -> Boundary {
        match self {
            Self::Layer(layer) => layer.lower(),
            Self::Retina => Boundary::RpeBm,
        }
    }

    /// Short name for tables and screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Layer(layer) => layer.name(),
            Self::Retina => "Retina",
        }
    }

    /// Name in file columns and JSON keys.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Layer(layer) => layer.key(),
            Self::Retina => "retina",
        }
    }
}

/// Where the ellipsoid zone ends and the RPE begins. Graders draw this boundary in two ways, about 5 px (20 um) apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EzConvention {
    /// The ellipsoid zone includes the outer segments, down to the RPE band.
    #[default]
    WithOuterSegments,
    /// The ellipsoid zone is only its bright band; the outer segments count as RPE.
    BandAlone,
}

impl EzConvention {
    /// Every convention.
    pub const ALL: [Self; 2] = [Self::WithOuterSegments, Self::BandAlone];

    /// Bias added to the score of the ellipsoid zone and subtracted from that of the RPE, so that their difference
    /// changes by `shift`: up if the ellipsoid zone includes the outer segments, down otherwise.
    #[must_use]
    pub const fn bias(self, shift: f32) -> f32 {
        match self {
            Self::WithOuterSegments => 0.5 * shift,
            Self::BandAlone => -0.5 * shift,
        }
    }

    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::WithOuterSegments => "with_outer_segments",
            Self::BandAlone => "band_alone",
        }
    }

    /// Name on the command line and in settings files.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::WithOuterSegments => "with-outer-segments",
            Self::BandAlone => "band-alone",
        }
    }

    /// What it means, in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::WithOuterSegments => "The ellipsoid zone reaches over the outer segments down to the RPE's own band",
            Self::BandAlone => "The ellipsoid zone is its bright band alone; the outer segments below it count as RPE",
        }
    }
}

/// A boundary between two layers, from the inner limiting membrane to the choroid-sclera boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Boundary {
    /// Inner limiting membrane.
    Ilm,
    /// NFL to GCL.
    NflGcl,
    /// IPL to INL.
    IplInl,
    /// INL to OPL.
    InlOpl,
    /// OPL to ONL.
    OplOnl,
    /// Upper edge of the ellipsoid zone.
    OnlEz,
    /// Outer segments to RPE.
    EzRpe,
    /// RPE to Bruch's membrane.
    RpeBm,
    /// Choroid-sclera boundary.
    Csb,
}

impl Boundary {
    /// Every boundary, from the vitreous to the sclera.
    pub const ALL: [Self; BOUNDARIES] = [
        Self::Ilm,
        Self::NflGcl,
        Self::IplInl,
        Self::InlOpl,
        Self::OplOnl,
        Self::OnlEz,
        Self::EzRpe,
        Self::RpeBm,
        Self::Csb,
    ];

    /// Position in [`Boundary::ALL`], 0 to 8.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name for people, in pictures, reports and screens.
    #[must_use]
    pub const fn label(self) -> &'static str {
        [
            "ILM",
            "NFL / GCL",
            "IPL / INL",
            "INL / OPL",
            "OPL / ONL",
            "ONL / EZ",
            "EZ / RPE",
            "RPE / BM",
            "choroid / sclera",
        ][self.index()]
    }

    /// Key for programs, as in the columns of `boundaries.csv`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM", "CSB"][self.index()]
    }

    /// Colour on overlays and screens, sRGB.
    ///
    /// Okabe and Ito's colour-blind-safe palette, ordered so that neighbours differ in lightness.
    #[must_use]
    pub const fn colour(self) -> [u8; 3] {
        [
            [240, 228, 66],
            [0, 158, 115],
            [230, 159, 0],
            [86, 180, 233],
            [213, 94, 0],
            [255, 255, 255],
            [204, 121, 167],
            [0, 114, 178],
            [153, 221, 85],
        ][self.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_lie_between_neighbouring_boundaries() {
        for (i, layer) in Layer::ALL.into_iter().enumerate() {
            assert_eq!(layer.index(), i);
            assert_eq!(usize::from(layer.class()), i + 1);
            assert_eq!(layer.upper().index() + 1, layer.lower().index());
        }
        assert_eq!(Layer::Nfl.upper(), Boundary::Ilm);
        assert_eq!(Layer::Choroid.lower(), Boundary::Csb);
    }
}
