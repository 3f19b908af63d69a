//! Results that were written come back as they were.

use std::{ops::ControlFlow, time::Duration};

use octrls_core::measure::Gates;

use super::*;
use crate::{
    DeviceFindings, Pictures, ResultWriter, ScanContext, Staging,
    fixtures::{header, segmented},
};

const BSCANS: usize = 5;

/// Writes a scan that was searched for lesions; returns its B-scans and its summary.
fn written(target: &Path, bscans: usize) -> (Vec<SegmentedBScan>, ScanSummary) {
    let header = header(bscans);
    let bscans: Vec<SegmentedBScan> = (0..bscans).map(|index| segmented(index, true)).collect();
    let mut writer = ResultWriter::begin(&Staging::of(target.parent().unwrap()), target, &header).unwrap();
    for bscan in &bscans {
        writer.add(bscan, &DeviceFindings::default(), &Pictures::draw(bscan).unwrap()).unwrap();
    }
    let context = ScanContext {
        scan: &ScanRecord::new("ward/scan".to_owned(), "0".repeat(64), None, &header),
        model: &ModelRecord { name: "test".to_owned(), version: "1".to_owned(), sha256: "1".repeat(64) },
        ellipsoid_zone: EzConvention::BandAlone,
        gates: &Gates::default(),
        reference: None,
        history: None,
        elapsed: Duration::from_secs(1),
    };
    let summary = writer.finish(context, &mut || ControlFlow::Continue(())).unwrap();
    (bscans, summary)
}

fn close(a: Option<f32>, b: Option<f32>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 0.006,
        (a, b) => a.is_none() && b.is_none(),
    }
}

#[test]
fn a_result_comes_back_as_it_was_written() {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("scan");
    let (bscans, summary) = written(&target, BSCANS);
    let stored = StoredResult::open(&target).unwrap();
    assert_eq!(*stored.header(), header(BSCANS));
    assert_eq!(stored.ellipsoid_zone(), EzConvention::BandAlone);
    let back = stored.summary();
    let facts = |s: &ScanSummary| (s.bscans, s.eye, s.unit, s.verdict, s.flags.clone(), s.findings.clone(), s.elapsed);
    assert_eq!(facts(&back), facts(&summary));
    assert_eq!(back.etdrs, summary.etdrs);
    assert_eq!(back.lesions.len(), summary.lesions.len());
    for (a, b) in back.lesions.iter().zip(&summary.lesions) {
        assert_eq!((a.lesion, a.bscans), (b.lesion, b.bscans));
        assert!((a.area_px - b.area_px).abs() < 1e-6);
        let (a, b) = (a.volume.unwrap(), b.volume.unwrap());
        assert!((a.diameter_mm - b.diameter_mm).abs() < 1e-9 && (a.nl - b.nl).abs() < 1e-6);
    }
    let surfaces = stored.surfaces().unwrap();
    for (bscan, surfaces) in bscans.iter().zip(surfaces.clone()) {
        for boundary in Boundary::ALL {
            let both = surfaces.rows(boundary).iter().zip(bscan.surfaces.rows(boundary));
            assert!(both.clone().all(|(a, b)| close(*a, *b)), "{boundary:?}");
        }
        let fluid = surfaces.ez_end().iter().zip(bscan.surfaces.ez_end());
        assert!(fluid.clone().all(|(a, b)| close(*a, *b)));
        assert_eq!(surfaces.choroid_visible().len(), bscan.surfaces.choroid_visible().len());
        let back = stored.bscan(bscan.index, bscan.bscan.clone(), surfaces).unwrap();
        assert_eq!(back.verdict(), bscan.verdict());
        let classes = |b: &SegmentedBScan| b.lesions.as_ref().unwrap().classes().to_vec();
        assert_eq!(classes(&back), classes(bscan));
    }
    let maps = stored.maps(&surfaces).expect("a volume has maps");
    assert!(maps[0].at(maps[0].middle()).is_some());
}

#[test]
fn a_damaged_result_is_refused_with_the_file_and_the_reason() {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("scan");
    written(&target, 1);
    let table = target.join("boundaries.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.lines().take(20).collect::<Vec<_>>().join("\n")).unwrap();
    let error = StoredResult::open(&target).unwrap().surfaces().unwrap_err();
    assert!(error.to_string().contains("boundaries.csv is damaged: B-scan 0, A-scan 19 is missing"), "{error}");
    fs::write(target.join(RESULT_FILE), "{\"schema\": \"octrls.result/9\"}").unwrap();
    assert!(StoredResult::open(&target).unwrap_err().to_string().contains("is damaged"));
    fs::remove_file(target.join(RESULT_FILE)).unwrap();
    assert!(matches!(StoredResult::open(&target).unwrap_err(), StoredError::Io { .. }));
}
