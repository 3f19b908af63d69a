//! Area and height of lesions in a B-scan.

use serde::{Deserialize, Serialize};

use crate::{
    lesion::{LESIONS, Lesion},
    scan::Spacing,
    surface::{Height, LesionMask},
};

/// Square micrometres in a square millimetre.
const UM2_PER_MM2: f64 = 1e6;

/// A lesion in a B-scan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LesionFigures {
    /// The lesion.
    pub lesion: Lesion,
    /// Area in pixels.
    pub area_px: f64,
    /// Area in square millimetres; `None` unless both spacings are known.
    pub area_mm2: Option<f64>,
    /// The same of the pixels that are certain, and of those that are possible: the bounds of the area.
    pub area_bounds_mm2: Option<[f64; 2]>,
    /// Largest height along an A-scan in micrometres; `None` without an axial spacing.
    pub height_um: Option<f64>,
    /// Share of the A-scans that show it, 0 to 1.
    pub extent: f64,
}

impl LesionFigures {
    /// Measures every lesion in `mask` that has a pixel.
    #[must_use]
    pub fn measure(mask: &LesionMask, axial: Option<Spacing>, lateral: Option<Spacing>) -> Vec<Self> {
        let mut all = Vec::with_capacity(LESIONS);
        for lesion in Lesion::ALL {
            let heights = mask.heights_px(lesion);
            let sum = |of: fn(&Height) -> f32| heights.iter().map(|h| f64::from(of(h))).sum::<f64>();
            let area_px = sum(|h| h.likely);
            if area_px == 0.0 {
                continue;
            }
            let per_px = axial.zip(lateral).map(|(axial, lateral)| axial.um * lateral.um / UM2_PER_MM2);
            let highest = heights.iter().map(|h| h.likely).fold(0.0, f32::max);
            let shown = heights.iter().filter(|h| h.likely > 0.0).count();
            all.push(Self {
                lesion,
                area_px,
                area_mm2: per_px.map(|per_px| area_px * per_px),
                area_bounds_mm2: per_px.map(|per_px| [sum(|h| h.least) * per_px, sum(|h| h.most) * per_px]),
                height_um: axial.map(|axial| f64::from(highest) * axial.um),
                extent: shown as f64 / heights.len().max(1) as f64,
            });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Provenance;

    #[test]
    fn a_box_has_its_area_height_and_extent() {
        let (width, height) = (10, 20);
        let class = |i: usize| if (2..6).contains(&(i % width)) && (5..8).contains(&(i / width)) { 2 } else { 0 };
        let mask = LesionMask::new(width, (0..width * height).map(class).collect()).expect("a mask");
        let spacing = |um| Some(Spacing { um, from: Provenance::Header });
        let [srf] = LesionFigures::measure(&mask, spacing(4.0), spacing(10.0))[..] else { panic!("one lesion") };
        assert_eq!((srf.lesion, srf.area_px, srf.height_um), (Lesion::Srf, 12.0, Some(12.0)));
        assert!(srf.area_mm2.is_some_and(|area| (area - 480e-6).abs() < 1e-12));
        assert_eq!(srf.area_bounds_mm2, srf.area_mm2.map(|area| [area, area]));
        assert!((srf.extent - 0.4).abs() < 1e-9);
        let [unknown] = LesionFigures::measure(&mask, None, spacing(10.0))[..] else { panic!("one lesion") };
        assert_eq!((unknown.area_mm2, unknown.height_um), (None, None));
    }
}
