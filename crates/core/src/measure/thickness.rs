//! Thickness per layer, measured vertically along each A-scan.

use serde::{Deserialize, Serialize};

use crate::{
    layer::{LAYERS, Layer, Measured},
    scan::Spacing,
    surface::Surfaces,
};

/// The unit of a thickness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThicknessUnit {
    /// Micrometres, if the axial spacing is known.
    #[serde(rename = "um")]
    Micrometres,
    /// Pixels, if no spacing is known.
    #[serde(rename = "px")]
    Pixels,
}

impl ThicknessUnit {
    /// The unit as printed in files.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Micrometres => "um",
            Self::Pixels => "px",
        }
    }
}

/// Thickness of one layer, or of the retina, over the A-scans of a B-scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerThickness {
    /// The measured layer, or the retina.
    pub of: Measured,
    /// Thickness in each A-scan; `None` if a boundary was not determined.
    pub profile: Vec<Option<f32>>,
    /// Mean over the determined A-scans; `None` if there are none.
    pub mean: Option<f32>,
    /// Standard deviation over the determined A-scans.
    pub sd: Option<f32>,
    /// Smallest determined value.
    pub min: Option<f32>,
    /// Largest determined value.
    pub max: Option<f32>,
    /// Share of A-scans with a determined thickness, 0 to 1.
    pub coverage: f32,
}

/// Thickness of every layer of one B-scan, all in the same unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thicknesses {
    /// The unit of every value.
    pub unit: ThicknessUnit,
    /// One entry per layer, in the order of [`Layer::ALL`].
    pub layers: [LayerThickness; LAYERS],
    /// The whole retina, from the ILM to Bruch's membrane.
    pub retina: LayerThickness,
}

impl Thicknesses {
    /// Measures `surfaces`, in micrometres if `axial` is known, else in pixels.
    ///
    /// # Examples
    /// ```
    /// use octrls_core::{
    ///     layer::Layer,
    ///     measure::{ThicknessUnit, Thicknesses},
    ///     scan::{Provenance, Spacing},
    ///     surface::Surfaces,
    /// };
    ///
    /// // Nine boundaries, 10 rows apart, in a B-scan of 16 A-scans.
    /// let surfaces = Surfaces::exact(200, std::array::from_fn(|k| vec![Some(20.0 + 10.0 * k as f32); 16]));
    /// let axial = Spacing { um: 3.9, from: Provenance::Header };
    /// let thicknesses = Thicknesses::measure(&surfaces, Some(axial));
    /// assert_eq!(thicknesses.unit, ThicknessUnit::Micrometres);
    /// assert_eq!(thicknesses.layers[Layer::Nfl.index()].mean, Some(39.0));
    /// ```
    #[must_use]
    pub fn measure(surfaces: &Surfaces, axial: Option<Spacing>) -> Self {
        let (unit, scale) = match axial {
            Some(spacing) => (ThicknessUnit::Micrometres, spacing.um as f32),
            None => (ThicknessUnit::Pixels, 1.0),
        };
        let of = |of| LayerThickness::new(of, surfaces.thickness_px(of).map(|t| Some(t? * scale)).collect());
        Self { unit, layers: Layer::ALL.map(|layer| of(Measured::Layer(layer))), retina: of(Measured::Retina) }
    }

    /// All entries, in the order of [`Measured::all`].
    pub fn iter(&self) -> impl Iterator<Item = &LayerThickness> {
        self.layers.iter().chain(std::iter::once(&self.retina))
    }
}

impl LayerThickness {
    fn new(of: Measured, profile: Vec<Option<f32>>) -> Self {
        let known = || profile.iter().flatten().copied();
        let count = known().count();
        let mean = (count > 0).then(|| known().map(f64::from).sum::<f64>() / count as f64);
        let sd = mean.map(|m| (known().map(|v| (f64::from(v) - m).powi(2)).sum::<f64>() / count as f64).sqrt() as f32);
        let mean = mean.map(|m| m as f32);
        let (min, max) = (known().reduce(f32::min), known().reduce(f32::max));
        let coverage = count as f32 / profile.len().max(1) as f32;
        Self { of, profile, mean, sd, min, max, coverage }
    }

    /// Median over the determined A-scans; `None` if there are none.
    #[must_use]
    pub fn median(&self) -> Option<f32> {
        let mut known: Vec<f32> = self.profile.iter().flatten().copied().collect();
        known.sort_by(f32::total_cmp);
        known.get(known.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Provenance;

    fn stack() -> Surfaces {
        // Nine boundaries 10 px apart in three A-scans; the last A-scan lacks the choroid-sclera boundary.
        Surfaces::exact(
            100,
            std::array::from_fn(|k| {
                (0..3).map(|x| (k < 8 || x < 2).then_some(10.0 * k as f32 + (x * k) as f32)).collect()
            }),
        )
    }

    #[test]
    fn thickness_is_in_micrometres_with_a_known_spacing() {
        let out = Thicknesses::measure(&stack(), Some(Spacing { um: 4.0, from: Provenance::Header }));
        assert_eq!(out.unit, ThicknessUnit::Micrometres);
        let nfl = &out.layers[0];
        assert_eq!(nfl.profile, [Some(40.0), Some(44.0), Some(48.0)]);
        assert_eq!((nfl.mean, nfl.min, nfl.max), (Some(44.0), Some(40.0), Some(48.0)));
        assert!(nfl.sd.is_some_and(|sd| (sd - (32.0_f32 / 3.0).sqrt()).abs() < 1e-4));
    }

    #[test]
    fn the_retina_reaches_from_the_ilm_to_bruch_s_membrane() {
        let out = Thicknesses::measure(&stack(), None);
        assert_eq!(out.retina.profile, [Some(70.0), Some(77.0), Some(84.0)]);
        assert_eq!(out.iter().map(|t| t.of).collect::<Vec<_>>(), Measured::all());
    }

    #[test]
    fn thickness_is_in_pixels_without_a_spacing() {
        let out = Thicknesses::measure(&stack(), None);
        assert_eq!(out.unit, ThicknessUnit::Pixels);
        assert_eq!(out.layers[0].profile, [Some(10.0), Some(11.0), Some(12.0)]);
    }

    #[test]
    fn missing_boundaries_leave_gaps_and_lower_the_coverage() {
        let choroid = &Thicknesses::measure(&stack(), None).layers[7];
        assert_eq!(choroid.profile[2], None);
        assert!((choroid.coverage - 2.0 / 3.0).abs() < 1e-6);
        let none = &Thicknesses::measure(&Surfaces::undetermined(4, 4), None).layers[0];
        assert_eq!((none.mean, none.coverage), (None, 0.0));
    }
}
