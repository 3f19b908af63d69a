use std::time::Duration;

use octrls_engine::{EventKind, ScanChange};

use super::*;
use crate::fixtures::{self, done, event, opened, scan_event, seen, segmented_bscan, start};

fn fed(events: impl IntoIterator<Item = Event>) -> Model {
    let mut model = Model::default();
    for event in events {
        model.apply(&event);
    }
    model
}

fn state(model: &Model, id: u64) -> ScanState {
    model.scan(ScanId(id)).unwrap().state.clone()
}

#[test]
fn a_scan_goes_through_its_states() {
    let mut model = Model::default();
    let mut check = |seconds, change, expected| {
        model.apply(&scan_event(seconds, 1, change));
        assert_eq!(state(&model, 1), expected);
    };
    check(0.0, seen("a.png"), ScanState::Seen);
    check(1.0, ScanChange::Queued, ScanState::Queued);
    check(2.0, ScanChange::Running { attempt: 1 }, ScanState::Running);
    let retrying = ScanChange::Retrying {
        code: octrls_core::ErrorCode::ReadIo,
        reason: "why".into(),
        next_attempt: 2,
        after: Duration::from_secs(4),
    };
    let due = start() + SignedDuration::from_secs(7);
    check(3.0, retrying, ScanState::Retry { due, code: octrls_core::ErrorCode::ReadIo, reason: "why".into() });
    check(7.0, ScanChange::Running { attempt: 2 }, ScanState::Running);
    check(7.1, opened(2, None), ScanState::Running);
    check(7.2, ScanChange::BScan(Arc::new(segmented_bscan(0, None))), ScanState::Running);
    check(8.0, done(2, 1.0), ScanState::Done);
    check(9.0, ScanChange::AlreadyDone, ScanState::Known);
    check(9.5, ScanChange::Vanished, ScanState::Vanished);
    let quarantined = ScanChange::Quarantined { code: octrls_core::ErrorCode::ReadIo, reason: "why".into() };
    check(9.9, quarantined, ScanState::Quarantined { code: octrls_core::ErrorCode::ReadIo, reason: "why".into() });
    assert_eq!(model.totals(), Totals { done: 1, already_done: 1, quarantined: 1, left: 0 });
}

#[test]
fn the_sample_events_are_counted() {
    let model = fed(fixtures::sample_events());
    let expected = Counts { done: 2, known: 1, running: 2, waiting: 3, retry: 1, quarantined: 1 };
    assert_eq!(model.counts(), expected);
    assert_eq!(model.totals().left, 6);
    assert_eq!(model.journal.errors(), 1);
    let volume = model.scan(ScanId(4)).unwrap();
    assert_eq!((volume.progress, volume.bscan_count(), volume.latest), (31, Some(49), Some(30)));
}

#[test]
fn a_new_attempt_resets_the_progress() {
    let mut model = fed(fixtures::sample_events());
    model.apply(&scan_event(20.0, 4, ScanChange::Running { attempt: 2 }));
    let volume = model.scan(ScanId(4)).unwrap();
    assert_eq!((volume.progress, volume.latest, volume.bscans.len(), volume.attempt), (0, None, 0, 2));
}

#[test]
fn pixels_are_kept_for_the_latest_bscans_and_measurements_for_all() {
    let bscans = (0..60).map(|i| {
        let id = i % 3;
        scan_event(i as f64, id, ScanChange::BScan(Arc::new(segmented_bscan(i as usize / 3, None))))
    });
    let model = fed(bscans);
    let records: Vec<&BScanRecord> = (0..3).flat_map(|id| model.scan(ScanId(id)).unwrap().bscans.values()).collect();
    assert_eq!(records.len(), 60);
    assert_eq!(records.iter().filter(|record| record.segmented.is_some()).count(), MAX_BSCANS_WITH_PIXELS);
    assert!(model.scan(ScanId(2)).unwrap().bscan(None).unwrap().1.segmented.is_some());
}

#[test]
fn a_long_volume_does_not_drop_the_pixels_of_short_scans() {
    let short = (0..10).map(|id| scan_event(id as f64, id, ScanChange::BScan(Arc::new(segmented_bscan(0, None)))));
    let long = (0..40).map(|i| scan_event(20.0 + i as f64, 99, ScanChange::BScan(Arc::new(segmented_bscan(i, None)))));
    let model = fed(short.chain(long));
    let kept = |id| model.scan(ScanId(id)).unwrap().bscans.values().filter(|record| record.segmented.is_some()).count();
    assert_eq!((0..10).map(kept).sum::<usize>(), MAX_BSCANS_WITH_PIXELS - MAX_WITH_PIXELS_PER_SCAN);
    assert_eq!((kept(9), kept(99)), (1, MAX_WITH_PIXELS_PER_SCAN));
}

#[test]
fn a_repeated_bscan_does_not_drop_others() {
    let bscan = Arc::new(segmented_bscan(0, None));
    let mut model = fed([scan_event(0.0, 1, ScanChange::BScan(Arc::new(segmented_bscan(1, None))))]);
    for i in 0..2 * MAX_BSCANS_WITH_PIXELS {
        model.apply(&scan_event(i as f64, 2, ScanChange::BScan(Arc::clone(&bscan))));
    }
    assert!(model.scan(ScanId(1)).unwrap().bscan(None).unwrap().1.segmented.is_some());
}

#[test]
fn old_finished_scans_are_dropped_but_stay_counted() {
    let n = MAX_SCANS as u64 + 500;
    let mut model = fed([scan_event(0.0, n, seen("waits.png"))]);
    for id in 0..n {
        model.apply(&scan_event(id as f64, id, seen("a.png")));
        model.apply(&scan_event(id as f64, id, done(1, 1.0)));
    }
    assert!(model.scans.len() <= MAX_SCANS + MAX_SCANS / 10);
    assert_eq!(model.counts().done, n);
    assert!(model.scan(ScanId(n)).is_some(), "what is not finished stays");
    assert!(model.scan(ScanId(n - 1)).is_some(), "the latest stay");
}

#[test]
fn the_time_left_follows_the_latest_scans() {
    let mut model = fed(fixtures::sample_events());
    let now = start() + SignedDuration::from_secs(12);
    let before = model.time_left(now).unwrap();
    assert!(before > Duration::ZERO && before < Duration::from_secs(2), "{before:?}");
    model.apply(&scan_event(12.0, 4, done(49, 20.0)));
    let after = model.time_left(now).unwrap();
    // Four scans wait for two workers.
    assert!(after > Duration::from_secs(12) && after < Duration::from_secs(25), "{after:?}");
    model.paused = true;
    assert_eq!(model.time_left(now), None);
}

#[test]
fn the_totals_of_a_stopped_engine_are_shown() {
    let totals = Totals { done: 9, already_done: 8, quarantined: 7, left: 6 };
    let model = fed(fixtures::sample_events().into_iter().chain([event(60.0, EventKind::Stopped(totals))]));
    assert_eq!(model.totals(), totals);
}
