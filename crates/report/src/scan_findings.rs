//! What a person should look at in a scan: findings and lesions over all its B-scans.

use std::collections::BTreeMap;

use octrls_core::{
    lesion::Lesion,
    measure::{
        FindingKind, LesionFigures,
        enface::{COVERED, CircleVolume, LesionGrid, VolumeMeasures},
    },
    scan::ScanHeader,
    segment::SegmentedBScan,
};

use super::summary::{CoveredVolume, LesionSummary};

/// Findings and lesions, collected B-scan by B-scan.
#[derive(Default)]
pub(super) struct ScanFindings {
    /// Whether the network looked for lesions in any B-scan.
    searched: bool,
    /// The B-scans that show each finding.
    bscans: BTreeMap<FindingKind, Vec<usize>>,
    /// The lesions of each B-scan.
    lesions: Vec<LesionFigures>,
}

impl ScanFindings {
    /// Adds the next B-scan of the scan with `header`.
    pub(super) fn add(&mut self, bscan: &SegmentedBScan, header: &ScanHeader) {
        self.searched |= bscan.lesions.is_some();
        self.lesions.extend(bscan.lesion_figures(header.axial, header.lateral));
        for finding in bscan.findings(header.axial, header.lateral) {
            let bscans = self.bscans.entry(finding.kind).or_default();
            if bscans.last() != Some(&bscan.index) {
                bscans.push(bscan.index);
            }
        }
    }

    /// Whether the network looked for lesions in any B-scan.
    pub(super) const fn searched(&self) -> bool {
        self.searched
    }

    /// Each finding with the B-scans that show it: lesions by class, then absent layers, then the disc.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FindingKind, &[usize])> {
        self.bscans.iter().map(|(kind, bscans)| (*kind, bscans.as_slice()))
    }

    /// The findings without their places.
    pub(super) fn kinds(&self) -> Vec<FindingKind> {
        self.bscans.keys().copied().collect()
    }

    /// Every lesion with a pixel, by class, with its volume if the scan is a `volume`.
    pub(super) fn lesions(&self, volume: Option<&VolumeMeasures>) -> Vec<LesionSummary> {
        let mut all: BTreeMap<_, LesionSummary> = BTreeMap::new();
        for figures in &self.lesions {
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
}

/// The volumes of `lesion`, if the scan shows it.
pub(super) fn lesion_grid(volume: &VolumeMeasures, lesion: Lesion) -> Option<&LesionGrid> {
    volume.lesions.iter().flatten().find(|grid| grid.lesion == lesion)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use octrls_core::{
        layer::Layer,
        measure::{Quality, Signal, Thicknesses},
        scan::{BScan, Pattern, Provenance, Spacing},
        surface::{LesionMask, Surfaces},
    };

    use super::*;

    const SIDE: usize = 64;

    fn header() -> ScanHeader {
        let spacing = |um| Some(Spacing { um, from: Provenance::Header });
        ScanHeader {
            format: "test".into(),
            bscans: 3,
            width: SIDE,
            height: SIDE,
            axial: spacing(4.0),
            lateral: spacing(10.0),
            eye: None,
            eye_from: None,
            pattern: Pattern::Unknown,
            pattern_from: None,
            tracks: Vec::new(),
            places: None,
            notes: Vec::new(),
        }
    }

    /// A B-scan without an ellipsoid zone and with `rows` rows of subretinal fluid in 20 A-scans.
    fn bscan(index: usize, rows: usize) -> SegmentedBScan {
        let row = |k: usize| if k > 6 { 5.0 * k as f32 - 5.0 } else { 5.0 * k as f32 };
        let surfaces = Surfaces::exact(SIDE, std::array::from_fn(|k| vec![Some(row(k)); SIDE]));
        let class = |i: usize| if i % SIDE < 20 && i / SIDE < rows { Lesion::Srf.class() } else { 0 };
        let pixels = BScan { width: SIDE, height: SIDE, intensity: vec![0.5; SIDE * SIDE] };
        SegmentedBScan {
            no_retina: None,
            index,
            quality: Quality::of(&pixels, &surfaces),
            signal: Signal::default(),
            thicknesses: Thicknesses::measure(&surfaces, None),
            lesions: LesionMask::new(SIDE, (0..SIDE * SIDE).map(class).collect()),
            surfaces,
            bscan: pixels,
            network_time: Duration::ZERO,
            surface_time: Duration::ZERO,
        }
    }

    #[test]
    fn findings_name_their_bscans_and_lesions_their_largest_extent() {
        let mut findings = ScanFindings::default();
        for (index, rows) in [0, 5, 12].into_iter().enumerate() {
            findings.add(&bscan(index, rows), &header());
        }
        assert!(findings.searched());
        let srf = FindingKind::Lesion(Lesion::Srf);
        let found: Vec<_> = findings.iter().collect();
        assert_eq!(found[0], (srf, &[1, 2][..]));
        assert_eq!(found[1], (FindingKind::LayerAbsent(Layer::Rpe), &[0, 1, 2][..]));
        assert_eq!(findings.kinds(), [srf, FindingKind::LayerAbsent(Layer::Rpe)]);
        let [lesion] = &findings.lesions(None)[..] else { panic!("one lesion") };
        assert_eq!((lesion.lesion, lesion.bscans, lesion.area_px), (Lesion::Srf, 2, 240.0));
        assert_eq!((lesion.height_um, lesion.volume), (Some(48.0), None));
        assert!(lesion.area_mm2.is_some_and(|area| (area - 240.0 * 40e-6).abs() < 1e-9));
    }
}
