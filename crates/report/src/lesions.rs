//! The lesions of a whole scan: sums over its B-scans.

use std::collections::BTreeMap;

use octrls_core::{
    lesion::{LESIONS, Lesion},
    measure::{
        LesionFigures,
        enface::{COVERED, CircleVolume, LesionGrid, VolumeMeasures},
    },
    scan::Spacing,
    surface::LesionMask,
};
use serde::Serialize;

use super::summary::{CoveredVolume, LesionSummary};

/// Square micrometres in a square millimetre.
const UM2_PER_MM2: f64 = 1e6;

/// A lesion over all B-scans of a scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LesionRecord {
    pub(super) lesion: Lesion,
    /// Sum over the B-scans.
    pub(super) area_px: f64,
    pub(super) area_mm2: Option<f64>,
    /// Of the parts that are certain, and of those that are possible.
    pub(super) area_bounds_mm2: Option<[f64; 2]>,
    /// Largest of all B-scans.
    pub(super) height_um: Option<f64>,
    /// Indices of the B-scans that show it.
    pub(super) bscans: Vec<usize>,
}

/// The lesions of a scan, collected B-scan by B-scan.
#[derive(Clone, Debug, Default)]
pub(super) struct LesionTotals {
    /// Whether a B-scan was searched for lesions.
    searched: bool,
    totals: [Total; LESIONS],
    /// The lesions of each B-scan.
    figures: Vec<LesionFigures>,
}

/// Areas in pixels, and the largest height.
#[derive(Clone, Debug, Default)]
struct Total {
    likely: f64,
    least: f64,
    most: f64,
    height: f32,
    bscans: Vec<usize>,
}

impl LesionTotals {
    /// Adds the lesions of the B-scan at `index`, whose figures are `figures`.
    pub(super) fn add(&mut self, index: usize, mask: &LesionMask, figures: &[LesionFigures]) {
        self.searched = true;
        self.figures.extend_from_slice(figures);
        for (total, lesion) in self.totals.iter_mut().zip(Lesion::ALL) {
            let before = total.likely;
            for height in mask.heights_px(lesion) {
                total.likely += f64::from(height.likely);
                total.least += f64::from(height.least);
                total.most += f64::from(height.most);
                total.height = total.height.max(height.likely);
            }
            if total.likely > before {
                total.bscans.push(index);
            }
        }
    }

    /// Every lesion with a pixel, by class, with its volume if the scan is a `volume`.
    pub(super) fn summaries(&self, volume: Option<&VolumeMeasures>) -> Vec<LesionSummary> {
        let mut all: BTreeMap<_, LesionSummary> = BTreeMap::new();
        for figures in &self.figures {
            let summary = all.entry(figures.lesion.class()).or_insert_with(|| LesionSummary {
                lesion: figures.lesion,
                bscans: 0,
                area_px: 0.0,
                area_mm2: None,
                area_bounds_mm2: None,
                height_um: None,
                volume: None,
            });
            summary.bscans += 1;
            if figures.area_px > summary.area_px {
                summary.area_px = figures.area_px;
                (summary.area_mm2, summary.area_bounds_mm2) = (figures.area_mm2, figures.area_bounds_mm2);
            }
            summary.height_um = match (summary.height_um, figures.height_um) {
                (Some(a), Some(b)) => Some(f64::max(a, b)),
                (a, b) => a.or(b),
            };
        }
        for summary in all.values_mut() {
            let grid = volume.and_then(|volume| lesion_grid(volume, summary.lesion));
            let is_covered = |circle: &&CircleVolume| circle.volume.coverage >= f64::from(COVERED);
            summary.volume = grid.and_then(|grid| grid.circles.iter().rfind(is_covered)).map(|circle| CoveredVolume {
                diameter_mm: circle.diameter_mm,
                nl: circle.volume.volume_nl,
                bounds_nl: circle.volume.bounds_nl,
            });
        }
        all.into_values().collect()
    }

    /// The lesions that were found; `None` if no B-scan was searched.
    pub(super) fn records(&self, axial: Option<Spacing>, lateral: Option<Spacing>) -> Option<Vec<LesionRecord>> {
        let per_px = axial.zip(lateral).map(|(axial, lateral)| axial.um * lateral.um / UM2_PER_MM2);
        let found = Lesion::ALL.into_iter().zip(&self.totals).filter(|(_, total)| total.likely > 0.0);
        let record = |(lesion, total): (Lesion, &Total)| LesionRecord {
            lesion,
            area_px: total.likely,
            area_mm2: per_px.map(|per_px| total.likely * per_px),
            area_bounds_mm2: per_px.map(|per_px| [total.least * per_px, total.most * per_px]),
            height_um: axial.map(|axial| f64::from(total.height) * axial.um),
            bscans: total.bscans.clone(),
        };
        self.searched.then(|| found.map(record).collect())
    }
}

/// The volumes of `lesion`, if the scan shows it.
pub(super) fn lesion_grid(volume: &VolumeMeasures, lesion: Lesion) -> Option<&LesionGrid> {
    volume.lesions.iter().flatten().find(|grid| grid.lesion == lesion)
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::Provenance;

    use super::*;

    fn mask(rows: std::ops::Range<usize>) -> LesionMask {
        let class = |i: usize| if i % 10 < 4 && rows.contains(&(i / 10)) { Lesion::Srf.class() } else { 0 };
        LesionMask::new(10, (0..200).map(class).collect()).expect("a mask")
    }

    #[test]
    fn areas_add_up_and_the_largest_height_counts() {
        let spacing = |um| Some(Spacing { um, from: Provenance::Header });
        let mut totals = LesionTotals::default();
        assert!(totals.records(None, None).is_none(), "nothing was searched");
        for (index, rows) in [(3, 2..8), (4, 0..0), (5, 1..4)] {
            let mask = mask(rows);
            totals.add(index, &mask, &LesionFigures::measure(&mask, spacing(4.0), spacing(10.0)));
        }
        let records = totals.records(spacing(4.0), spacing(10.0)).expect("searched");
        let [srf] = records.as_slice() else { panic!("one lesion: {records:?}") };
        assert_eq!((srf.lesion, srf.area_px, srf.height_um), (Lesion::Srf, 36.0, Some(24.0)));
        assert!(srf.area_mm2.is_some_and(|area| (area - 36.0 * 40e-6).abs() < 1e-12));
        assert_eq!(srf.bscans, [3, 5]);
        let [largest] = &totals.summaries(None)[..] else { panic!("one lesion") };
        assert_eq!((largest.lesion, largest.bscans, largest.area_px), (Lesion::Srf, 2, 24.0));
        assert_eq!((largest.height_um, largest.volume), (Some(24.0), None));
        assert!(largest.area_mm2.is_some_and(|area| (area - 24.0 * 40e-6).abs() < 1e-12));
        let [in_pixels] = &totals.records(None, spacing(10.0)).expect("searched")[..] else { panic!("one lesion") };
        assert_eq!((in_pixels.area_mm2, in_pixels.height_um), (None, None));
    }
}
