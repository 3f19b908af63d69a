//! What a person should look at in a B-scan: lesions, absent layers, the optic disc.
//!
//! Findings describe what the network sees, to be read by a clinician. They are no diagnosis.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::LesionFigures;
use crate::{
    layer::{Boundary, Layer, Measured},
    lesion::Lesion,
    surface::{LesionMask, Surfaces},
};

/// Smallest area of a lesion in square millimetres.
const MIN_AREA_MM2: f64 = 0.002;
/// The same in pixels, without known spacing: that area at the spacing of a Spectralis.
const MIN_AREA_PX: f64 = 45.0;
/// Thickness in pixels below which a layer is absent.
const ABSENT_PX: f32 = 1.5;
/// Fewest A-scans in a row in which a layer is absent, or the disc is seen.
const MIN_RUN: usize = 12;
/// Layers that no healthy A-scan outside the disc lacks. The inner layers end at the fovea.
const EVERYWHERE: [Layer; 3] = [Layer::Onl, Layer::Ez, Layer::Rpe];

/// Something in a B-scan that a person should look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    #[serde(rename = "finding")]
    pub kind: FindingKind,
    /// The first A-scan and the one after the last that show it.
    pub ascans: Range<usize>,
}

/// The kind of a finding; serialised as its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum FindingKind {
    /// A lesion of at least 0.002 mm2.
    Lesion(Lesion),
    /// A layer of no thickness.
    LayerAbsent(Layer),
    /// The optic disc.
    OpticDisc,
}

/// A text that is the key of no finding.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no finding")]
pub struct UnknownFinding(String);

impl From<FindingKind> for String {
    fn from(kind: FindingKind) -> Self {
        kind.key()
    }
}

impl TryFrom<String> for FindingKind {
    type Error = UnknownFinding;

    fn try_from(key: String) -> Result<Self, Self::Error> {
        let lesions = Lesion::ALL.into_iter().map(Self::Lesion);
        let layers = Layer::ALL.into_iter().map(Self::LayerAbsent);
        let mut all = lesions.chain(layers).chain([Self::OpticDisc]);
        all.find(|kind| kind.key() == key).ok_or(UnknownFinding(key))
    }
}

impl FindingKind {
    /// Whether it may be of a disease; the optic disc is not.
    #[must_use]
    pub const fn is_of_disease(self) -> bool {
        !matches!(self, Self::OpticDisc)
    }

    /// The finding in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Lesion(lesion) => lesion.long_name().to_owned(),
            Self::LayerAbsent(layer) => format!("no {}", layer.long_name()),
            Self::OpticDisc => "optic disc".to_owned(),
        }
    }

    /// The finding in JSON and other machine-readable output: lower case, no punctuation.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::Lesion(lesion) => lesion.key().to_owned(),
            Self::LayerAbsent(layer) => format!("no_{}", layer.key()),
            Self::OpticDisc => "optic_disc".to_owned(),
        }
    }

    /// The finding in a word or two, for narrow columns.
    #[must_use]
    pub fn short(self) -> String {
        match self {
            Self::Lesion(lesion) => lesion.name().to_owned(),
            Self::LayerAbsent(layer) => format!("no {}", layer.name()),
            Self::OpticDisc => "disc".to_owned(),
        }
    }
}

impl Finding {
    /// The findings of a B-scan: lesions by class, then absent layers, then the disc; several of a kind if they lie
    /// apart.
    #[must_use]
    pub fn of(surfaces: &Surfaces, lesions: &[LesionFigures], extents: impl Fn(Lesion) -> Range<usize>) -> Vec<Self> {
        let large = |figures: &&LesionFigures| match figures.area_mm2 {
            Some(area) => area >= MIN_AREA_MM2,
            None => figures.area_px >= MIN_AREA_PX,
        };
        let lesions = lesions
            .iter()
            .filter(large)
            .map(|figures| Self { kind: FindingKind::Lesion(figures.lesion), ascans: extents(figures.lesion) });
        let absent = absent_layers(surfaces);
        let disc = runs(surfaces.width(), |x| surfaces.shows_disc(x));
        let disc = disc.into_iter().map(|ascans| Self { kind: FindingKind::OpticDisc, ascans });
        lesions.chain(absent).chain(disc).collect()
    }
}

/// The layers that are absent, outside the optic disc. Where a lesion parts the outer layers, the lesion is the finding:
/// graders draw it over the layer that it presses thin.
fn absent_layers(surfaces: &Surfaces) -> impl Iterator<Item = Finding> {
    EVERYWHERE.into_iter().flat_map(move |layer| {
        let thin = thin_ascans(surfaces, layer);
        let is_absent = move |x: usize| thin[x] && !has_space_above_rpe(surfaces, x) && !is_rpe_lifted(surfaces, x);
        runs(surfaces.width(), is_absent)
            .into_iter()
            .map(move |ascans| Finding { kind: FindingKind::LayerAbsent(layer), ascans })
    })
}

/// Whether the retina has a hole, or the network sees no ONL, ellipsoid zone or RPE, although no space lifts the RPE.
/// Lines there follow what is not seen, however sure they look.
pub(crate) fn is_interrupted(surfaces: &Surfaces, lesions: Option<&LesionMask>) -> bool {
    let hole = |mask: &LesionMask| mask.heights_px(Lesion::Hole).iter().map(|height| height.likely).sum::<f32>();
    lesions.is_some_and(|mask| f64::from(hole(mask)) >= MIN_AREA_PX)
        || EVERYWHERE.into_iter().any(|layer| {
            let thin = thin_ascans(surfaces, layer);
            !runs(surfaces.width(), |x| thin[x] && !is_rpe_lifted(surfaces, x)).is_empty()
        })
}

/// Whether `layer` has no thickness, in each A-scan.
fn thin_ascans(surfaces: &Surfaces, layer: Layer) -> Vec<bool> {
    let thickness = surfaces.thickness_px(Measured::Layer(layer));
    thickness.map(|px| px.is_some_and(|px| px < ABSENT_PX)).collect()
}

/// Whether fluid or a membrane lies between photoreceptors and RPE in A-scan `x`.
fn has_space_above_rpe(surfaces: &Surfaces, x: usize) -> bool {
    is_apart(surfaces.ez_end()[x], surfaces.rows(Boundary::EzRpe)[x])
}

/// Whether a lesion lifts the RPE from Bruch's membrane in A-scan `x`.
fn is_rpe_lifted(surfaces: &Surfaces, x: usize) -> bool {
    is_apart(surfaces.rpe_outer()[x], surfaces.rows(Boundary::RpeBm)[x])
}

fn is_apart(upper: Option<f32>, lower: Option<f32>) -> bool {
    upper.zip(lower).is_some_and(|(upper, lower)| lower - upper >= ABSENT_PX)
}

/// Stretches of at least [`MIN_RUN`] A-scans for which `holds`.
fn runs(width: usize, holds: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for x in 0..=width {
        match (start, x < width && holds(x)) {
            (None, true) => start = Some(x),
            (Some(first), false) => {
                runs.push(first..x);
                start = None;
            }
            _ => {}
        }
    }
    runs.retain(|run: &Range<usize>| run.len() >= MIN_RUN);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 60;

    /// Layers of 10 px; in `gap`, the ellipsoid zone has no thickness.
    fn surfaces(gap: Range<usize>) -> Surfaces {
        let row = |k: usize, x: usize| {
            let closed = gap.contains(&x) && k == Boundary::EzRpe.index();
            10.0 * if closed { k as f32 } else { k as f32 + 1.0 }
        };
        Surfaces::exact(120, std::array::from_fn(|k| (0..WIDTH).map(|x| Some(row(k, x))).collect()))
    }

    fn kinds(gap: Range<usize>, lesion_rows: Range<usize>) -> Vec<(FindingKind, Range<usize>)> {
        let class = |i: usize| u8::from(i % WIDTH < 10 && lesion_rows.contains(&(i / WIDTH)));
        let mask = LesionMask::new(WIDTH, (0..WIDTH * 120).map(class).collect()).expect("a mask");
        let figures = LesionFigures::measure(&mask, None, None);
        let found = Finding::of(&surfaces(gap), &figures, |lesion| mask.extent(lesion));
        found.into_iter().map(|finding| (finding.kind, finding.ascans)).collect()
    }

    #[test]
    fn keys_name_findings() {
        let keys = [
            (FindingKind::Lesion(Lesion::SubRpe), "sub_rpe"),
            (FindingKind::LayerAbsent(Layer::Ez), "no_ez"),
            (FindingKind::OpticDisc, "optic_disc"),
        ];
        for (kind, key) in keys {
            assert_eq!(kind.key(), key);
            assert_eq!(FindingKind::try_from(key.to_owned()).ok(), Some(kind));
        }
        assert!(FindingKind::try_from("disc".to_owned()).is_err());
    }

    #[test]
    fn a_healthy_scan_has_none() {
        assert_eq!(kinds(0..0, 0..0), []);
        assert_eq!(kinds(0..5, 30..32), [], "too few A-scans, too small an area");
    }

    #[test]
    fn lesions_and_absent_layers_are_found_where_they_are() {
        let expected = [(FindingKind::Lesion(Lesion::Irf), 0..10), (FindingKind::LayerAbsent(Layer::Ez), 20..45)];
        assert_eq!(kinds(20..45, 30..40), expected);
    }

    #[test]
    fn a_layer_that_a_lesion_presses_thin_is_not_absent() {
        let row = |boundary: Boundary| 10.0 * (boundary.index() as f32 + 1.0);
        let healthy = surfaces(0..0);
        let at = |row: f32| vec![Some(row); WIDTH];
        let lifted = healthy.clone().with_fluid(at(row(Boundary::EzRpe)), at(row(Boundary::EzRpe)));
        assert_eq!(absent_layers(&lifted).count(), 0, "a space under the RPE");
        assert!(!is_interrupted(&lifted, None), "its floor is seen");
        let parted = healthy.with_fluid(at(row(Boundary::OnlEz)), at(row(Boundary::RpeBm)));
        assert_eq!(absent_layers(&parted).count(), 0, "a space above the RPE");
        assert!(is_interrupted(&parted, None), "no photoreceptors are seen");
    }

    #[test]
    fn a_hole_or_an_absent_layer_interrupts_the_retina() {
        let hole = |rows: usize| {
            let class = |i: usize| if i % WIDTH < 10 && i / WIDTH < rows { Lesion::Hole.class() } else { 0 };
            LesionMask::new(WIDTH, (0..WIDTH * 120).map(class).collect()).expect("a mask")
        };
        assert!(!is_interrupted(&surfaces(0..0), Some(&hole(4))), "too small an area");
        assert!(is_interrupted(&surfaces(0..0), Some(&hole(5))));
        assert!(!is_interrupted(&surfaces(0..5), None), "too few A-scans");
        assert!(is_interrupted(&surfaces(20..45), None));
    }
}
