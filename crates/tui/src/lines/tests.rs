//! Exact output of plain lines and JSON lines.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use octrls_core::ErrorCode;
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId, Totals};

use super::{
    json::{self, JsonLines},
    plain::{self, PlainLines},
};
use crate::{
    Controls,
    fixtures::{self, event, opened, scan_event, seen, segmented_bscan},
};

#[derive(Default)]
struct DrainCounter(RefCell<u32>);

impl Controls for DrainCounter {
    fn drain(&self) {
        *self.0.borrow_mut() += 1;
    }
    fn abort(&self) {}
    fn pause(&self, _: bool) {}
    fn rescan(&self) {}

    fn retry(&self, _: ScanId) {}
    fn change_ledger(&self, _: crate::LedgerChange) {}
}

/// One event of each kind.
fn events_of_every_kind() -> Vec<Event> {
    let reason = "line 1 says \"no\"".to_owned();
    let retrying = ScanChange::Retrying {
        code: ErrorCode::ReadIo,
        reason: reason.clone(),
        next_attempt: 2,
        after: Duration::from_millis(1500),
    };
    let text = "disk is nearly full".to_owned();
    vec![
        fixtures::started(),
        scan_event(1.25, 1, seen("a/b.png")),
        scan_event(1.5, 1, seen("a/b.png")),
        scan_event(2.0, 1, ScanChange::Queued),
        scan_event(3.0, 1, ScanChange::Running { attempt: 1 }),
        scan_event(3.0, 1, opened(1, Some(fixtures::AXIAL))),
        scan_event(4.0, 1, ScanChange::BScan(Arc::new(segmented_bscan(0, None)))),
        scan_event(5.0, 1, fixtures::done(1, 1.9)),
        scan_event(5.1, 5, seen("lesions.png")),
        scan_event(5.5, 5, fixtures::done_with_lesions(1, 1.7)),
        scan_event(6.0, 2, seen("with a space.png")),
        scan_event(6.5, 2, retrying),
        scan_event(8.0, 2, ScanChange::Quarantined { code: ErrorCode::ReadIo, reason }),
        scan_event(9.0, 3, seen("known.png")),
        scan_event(9.1, 3, ScanChange::AlreadyDone),
        scan_event(9.2, 4, ScanChange::Vanished),
        event(10.0, EventKind::RootOnline(false)),
        event(11.0, EventKind::RootOnline(true)),
        event(12.0, EventKind::Notice { level: Level::Warning, code: Some(ErrorCode::EngineDisk), text: text.clone() }),
        event(12.0, EventKind::Notice { level: Level::Info, code: None, text }),
        event(13.0, EventKind::Draining { running: 1 }),
        event(14.0, EventKind::Stopped(Totals { done: 1, already_done: 1, quarantined: 1, left: 0 })),
    ]
}

#[test]
fn plain_lines() {
    let mut out = Vec::new();
    let mut lines = PlainLines::new(&mut out);
    for event in &events_of_every_kind() {
        lines.write_event(event).unwrap();
    }
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn json_lines() {
    let mut out = Vec::new();
    let mut lines = JsonLines::new(&mut out);
    for event in &events_of_every_kind() {
        lines.write_event(event).unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["schema"], json::SCHEMA);
        assert!(line.len() < 2000, "no pixels");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn paths_that_are_not_unicode_are_written_lossily() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

    let path = || PathBuf::from(OsStr::from_bytes(b"in/\xff.png"));
    let mut events = [fixtures::started(), scan_event(1.0, 1, ScanChange::Seen { path: path(), bytes: 1 })];
    if let EventKind::Started(session) = &mut events[0].kind {
        (session.roots, session.out) = (vec![path()], path());
    }
    let mut out = Vec::new();
    let mut lines = JsonLines::new(&mut out);
    for event in &events {
        lines.write_event(event).unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    let objects: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0]["root"], "in/\u{fffd}.png");
    assert_eq!(objects[1]["path"], "in/\u{fffd}.png");
}

/// Fails from the second write on.
struct FailingWriter(io::ErrorKind, usize);

impl Write for FailingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1 > 1 { Err(self.0.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_output_drains_once_and_is_no_error() {
    let check = |kind, expected: Result<u64, io::ErrorKind>| {
        let (send, events) = crossbeam_channel::unbounded();
        for event in events_of_every_kind() {
            send.send(event).unwrap();
        }
        let drained = DrainCounter::default();
        let totals = plain::run(&events, FailingWriter(kind, 0), &drained);
        assert_eq!(totals.map(|t| t.done).map_err(|e| e.kind()), expected);
        assert_eq!(*drained.0.borrow(), 1);
        for event in events_of_every_kind() {
            send.send(event).unwrap();
        }
        let totals = json::run(&events, FailingWriter(kind, 0), &drained);
        assert_eq!(totals.map(|t| t.done).map_err(|e| e.kind()), expected);
    };
    check(io::ErrorKind::BrokenPipe, Ok(1));
    check(io::ErrorKind::StorageFull, Err(io::ErrorKind::StorageFull));
}
