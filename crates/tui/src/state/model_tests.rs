use std::time::Duration;

use super::*;
use crate::fixtures::{self, done, event, opened, retina, scan, seen, start};
use octrls_engine::{EventKind, ScanChange};

fn fed(events: impl IntoIterator<Item = Event>) -> Model {
    let mut model = Model::default();
    for event in events {
        model.apply(&event);
    }
    model
}

fn state(model: &Model, id: u64) -> State {
    model.scan(ScanId(id)).unwrap().state.clone()
}

#[test]
fn a_scan_goes_through_its_states() {
    let mut model = Model::default();
    let mut check = |seconds, change, expected| {
        model.apply(&scan(seconds, 1, change));
        assert_eq!(state(&model, 1), expected);
    };
    check(0.0, seen("a.png"), State::Seen);
    check(1.0, ScanChange::Queued, State::Queued);
    check(2.0, ScanChange::Running { attempt: 1 }, State::Running);
    let retrying = ScanChange::Retrying {
        code: octrls_core::ErrorCode::ReadIo,
        reason: "why".into(),
        next_attempt: 2,
        after: Duration::from_secs(4),
    };
    let due = start() + SignedDuration::from_secs(7);
    check(3.0, retrying, State::Retry { due, code: octrls_core::ErrorCode::ReadIo, reason: "why".into() });
    check(7.0, ScanChange::Running { attempt: 2 }, State::Running);
    check(7.1, opened(2, None), State::Running);
    check(7.2, ScanChange::BScan(Arc::new(retina(0, None))), State::Running);
    check(8.0, done(2, 1.0), State::Done);
    check(9.0, ScanChange::AlreadyDone, State::Known);
    check(9.5, ScanChange::Vanished, State::Vanished);
    let quarantined = ScanChange::Quarantined { code: octrls_core::ErrorCode::ReadIo, reason: "why".into() };
    check(9.9, quarantined, State::Quarantined { code: octrls_core::ErrorCode::ReadIo, reason: "why".into() });
    assert_eq!(model.totals(), Totals { done: 1, already_done: 1, quarantined: 1, left: 0 });
}

#[test]
fn the_morning_is_counted() {
    let model = fed(fixtures::morning());
    let expected = Counts { done: 2, known: 1, running: 2, waiting: 3, retry: 1, quarantined: 1 };
    assert_eq!(model.counts(), expected);
    assert_eq!(model.totals().left, 6);
    assert_eq!(model.journal.errors(), 1);
    let volume = model.scan(ScanId(4)).unwrap();
    assert_eq!((volume.progress, volume.bscans(), volume.latest), (31, Some(49), Some(30)));
}

#[test]
fn a_new_attempt_starts_from_nothing() {
    let mut model = fed(fixtures::morning());
    model.apply(&scan(20.0, 4, ScanChange::Running { attempt: 2 }));
    let volume = model.scan(ScanId(4)).unwrap();
    assert_eq!((volume.progress, volume.latest, volume.frames.len(), volume.attempt), (0, None, 0, 2));
}

#[test]
fn pixels_are_kept_for_the_latest_only_but_figures_for_all() {
    let bscans = (0..60).map(|i| {
        let id = i % 3;
        scan(i as f64, id, ScanChange::BScan(Arc::new(retina(i as usize / 3, None))))
    });
    let model = fed(bscans);
    let frames: Vec<&Frame> = (0..3).flat_map(|id| model.scan(ScanId(id)).unwrap().frames.values()).collect();
    assert_eq!(frames.len(), 60);
    assert_eq!(frames.iter().filter(|f| f.full.is_some()).count(), KEPT_PIXELS);
    assert!(model.scan(ScanId(2)).unwrap().frame(None).unwrap().1.full.is_some());
}

#[test]
fn a_long_volume_leaves_the_short_scans_their_pictures() {
    let short = (0..10).map(|id| scan(id as f64, id, ScanChange::BScan(Arc::new(retina(0, None)))));
    let long = (0..40).map(|i| scan(20.0 + i as f64, 99, ScanChange::BScan(Arc::new(retina(i, None)))));
    let model = fed(short.chain(long));
    let kept = |id| model.scan(ScanId(id)).unwrap().frames.values().filter(|f| f.full.is_some()).count();
    assert_eq!((0..10).map(kept).sum::<usize>(), KEPT_PIXELS - KEPT_OF_ONE);
    assert_eq!((kept(9), kept(99)), (1, KEPT_OF_ONE));
}

#[test]
fn the_same_bscan_again_does_not_push_others_out() {
    let bscan = Arc::new(retina(0, None));
    let mut model = fed([scan(0.0, 1, ScanChange::BScan(Arc::new(retina(1, None))))]);
    for i in 0..2 * KEPT_PIXELS {
        model.apply(&scan(i as f64, 2, ScanChange::BScan(Arc::clone(&bscan))));
    }
    assert!(model.scan(ScanId(1)).unwrap().frame(None).unwrap().1.full.is_some());
}

#[test]
fn working_scans_come_first_then_the_latest() {
    let model = fed(fixtures::morning());
    let ids = |filter| model.rows(filter).iter().map(|s| s.id.0).collect::<Vec<_>>();
    assert_eq!(ids(""), [4, 5, 3, 2, 8, 1, 0, 9, 7, 6]);
    assert_eq!(ids("p0036"), [8, 1, 0]);
    assert_eq!(ids("quarantined"), [2]);
    assert_eq!(ids("nothing"), Vec::<u64>::new());
}

#[test]
fn old_finished_rows_give_way_but_stay_counted() {
    let n = KEPT_SCANS as u64 + 500;
    let mut model = fed([scan(0.0, n, seen("waits.png"))]);
    for id in 0..n {
        model.apply(&scan(id as f64, id, seen("a.png")));
        model.apply(&scan(id as f64, id, done(1, 1.0)));
    }
    assert!(model.scans.len() <= KEPT_SCANS + KEPT_SCANS / 10);
    assert_eq!(model.counts().done, n);
    assert!(model.scan(ScanId(n)).is_some(), "what is not finished stays");
    assert!(model.scan(ScanId(n - 1)).is_some(), "the latest stay");
}

#[test]
fn the_engines_totals_count_in_the_end() {
    let totals = Totals { done: 9, already_done: 8, quarantined: 7, left: 6 };
    let model = fed(fixtures::morning().into_iter().chain([event(60.0, EventKind::Stopped(totals))]));
    assert_eq!(model.totals(), totals);
}
