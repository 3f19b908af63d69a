use std::{
    io::{self, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use octrls_core::{segment::SegmentedBScan, surface::LesionMask};
use octrls_engine::{Event, EventKind, EventSink, ScanChange, ScanId, ScanSummary, Totals};
use proptest::prelude::*;
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use super::{framing, protocol::Message, validate};
use crate::{
    Controls, LedgerChange, Model, dashboard,
    fixtures::{self, bscan_with_lesions, event, scan_event, seen, segmented_bscan},
};

/// Records the requests of clients.
struct RequestRecorder(Mutex<mpsc::Sender<String>>);

impl RequestRecorder {
    fn record(&self, request: String) {
        self.0.lock().unwrap().send(request).unwrap();
    }
}

impl Controls for RequestRecorder {
    fn drain(&self) {
        self.record("drain".into());
    }
    fn abort(&self) {
        self.record("abort".into());
    }
    fn pause(&self, paused: bool) {
        self.record(format!("pause {paused}"));
    }
    fn rescan(&self) {
        self.record("rescan".into());
    }
    fn retry(&self, scan: ScanId) {
        self.record(format!("retry {}", scan.0));
    }
    fn change_ledger(&self, change: LedgerChange) {
        self.record(format!("{change:?}"));
    }
}

struct TestServer {
    server: AttachServer,
    requests: mpsc::Receiver<String>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl TestServer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (sender, requests) = mpsc::channel();
        let server = AttachServer::open(&path, RequestRecorder(Mutex::new(sender))).unwrap();
        Self { server, requests, path, _folder: folder }
    }

    fn feed<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        events.into_iter().for_each(|event| self.server.event(event));
    }
}

fn fed<'a>(mut model: Model, events: impl IntoIterator<Item = &'a Event>) -> Model {
    events.into_iter().for_each(|event| model.apply(event));
    model
}

/// The dashboard of the model, as text.
fn rendered(model: Model) -> String {
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let mut app = dashboard::attached_app_without_terminal(model);
    terminal.draw(|frame| app.draw(frame, fixtures::start() + Duration::from_secs(13))).unwrap();
    terminal.backend().to_string()
}

fn stopped() -> Event {
    event(14.0, EventKind::Stopped(Totals { done: 2, ..Totals::default() }))
}

#[test]
fn a_late_client_shows_the_same_as_a_dashboard_in_the_process() {
    let mut server = TestServer::new();
    let sample = fixtures::sample_events();
    let (before, after) = sample.split_at(sample.len() / 2);
    server.feed(before);
    let attached = AttachClient::connect(&server.path).unwrap();
    let end = [stopped()];
    let feed_and_receive = |event| {
        server.feed([event]);
        // One at a time: clients that lag get no B-scans.
        attached.events.recv().unwrap()
    };
    let rest: Vec<Event> = after.iter().chain(&end).map(feed_and_receive).collect();
    let inside = fed(Model::default(), sample.iter().chain(&[stopped()]));
    let outside = fed(attached.model.clone(), &rest);
    assert_eq!(rendered(inside), rendered(outside));
    attached.close().unwrap();
}

#[test]
fn pixels_are_sent_unchanged() {
    let mut server = TestServer::new();
    let bscan = Arc::new(segmented_bscan(3, Some(fixtures::AXIAL)));
    server.feed(&[
        fixtures::started(),
        scan_event(1.0, 7, seen("a.png")),
        scan_event(2.0, 7, ScanChange::BScan(Arc::clone(&bscan))),
    ]);
    let attached = AttachClient::connect(&server.path).unwrap();
    let (id, early) = attached.model.bscans_with_pixels().pop().unwrap();
    server.feed(&[scan_event(3.0, 7, ScanChange::BScan(Arc::clone(&bscan)))]);
    let EventKind::Scan { change: ScanChange::BScan(late), .. } = attached.events.recv().unwrap().kind else {
        panic!("a B-scan")
    };
    assert_eq!(id, ScanId(7));
    for received in [early, late] {
        assert_eq!(format!("{received:?}"), format!("{bscan:?}"));
    }
}

#[test]
fn paths_that_are_not_unicode_are_sent_unchanged() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let mut server = TestServer::new();
    let attached = AttachClient::connect(&server.path).unwrap();
    let path = PathBuf::from(OsStr::from_bytes(b"a\xff.png"));
    server.feed(&[scan_event(1.0, 7, ScanChange::Seen { path: path.clone(), bytes: 3 })]);
    match attached.events.recv().unwrap().kind {
        EventKind::Scan { change: ScanChange::Seen { path: received, bytes: 3 }, .. } => assert_eq!(received, path),
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_of_every_client_reach_the_engine() {
    let server = TestServer::new();
    let screens = [AttachClient::connect(&server.path).unwrap(), AttachClient::connect(&server.path).unwrap()];
    let next = || server.requests.recv_timeout(Duration::from_secs(10)).unwrap();
    screens[0].controls().pause(true);
    assert_eq!(next(), "pause true");
    screens[1].controls().retry(ScanId(5));
    assert_eq!(next(), "retry 5");
    screens[1].controls().rescan();
    assert_eq!(next(), "rescan");
    screens[0].controls().abort();
    assert_eq!(next(), "abort");
    screens[0].controls().drain();
    assert_eq!(next(), "drain");
}

#[test]
fn closing_sends_no_request_and_other_clients_stay() {
    let mut server = TestServer::new();
    let (first, second) = (AttachClient::connect(&server.path).unwrap(), AttachClient::connect(&server.path).unwrap());
    first.close().unwrap();
    server.feed(&[fixtures::started()]);
    assert!(matches!(second.events.recv().unwrap().kind, EventKind::Started(_)));
    assert!(server.requests.try_recv().is_err());
}

#[test]
fn a_client_that_does_not_read_is_disconnected_and_delays_no_other() {
    let mut server = TestServer::new();
    let mut idle = UnixStream::connect(&server.path).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let reader = AttachClient::connect(&server.path).unwrap();
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let reading = thread::spawn(move || reader.events.iter().for_each(|_| _ = counter.fetch_add(1, Ordering::Relaxed)));
    // More than the socket and the queue hold.
    let many = 8_000;
    for i in 0..many {
        server.feed(&[scan_event(1.0, i, seen(&format!("{i:0>400}.png")))]);
        // The other client must keep up.
        while i > received.load(Ordering::Relaxed) + 1000 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let disconnected = idle.read_to_end(&mut Vec::new());
    assert!(disconnected.as_ref().map_err(io::Error::kind) != Err(io::ErrorKind::WouldBlock));
    server.feed(&[stopped()]);
    reading.join().unwrap();
    assert_eq!(received.load(Ordering::Relaxed), many + 1);
}

#[test]
fn a_server_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let answers = ["octrls attach 999 9.9.9\n", "octrls attach busy\n", "HTTP/1.1 400 Bad Request\r\n", ""];
    let server = thread::spawn(move || {
        for answer in answers {
            listener.accept().unwrap().0.write_all(answer.as_bytes()).unwrap();
        }
    });
    let codes = answers.map(|_| AttachClient::connect(&path).err().unwrap().code());
    assert_eq!(codes, ["E-ATTACH-VERSION", "E-ATTACH-BUSY", "E-ATTACH-VERSION", "E-ATTACH-LOST"]);
    server.join().unwrap();
}

#[test]
fn a_client_of_another_version_is_disconnected_and_reads_our_version() {
    let server = TestServer::new();
    let mut stream = UnixStream::connect(&server.path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let other = framing::greeting().replace(&format!("attach {}", protocol::PROTOCOL), "attach 1");
    stream.write_all(format!("{other}\n").as_bytes()).unwrap();
    // A client of version 1 compares this line with its own greeting.
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(received.starts_with(format!("{}\n", framing::greeting()).as_bytes()));
    assert_ne!(other, framing::greeting());
    let refused = framing::expect_greeting(&mut format!("{other}\n").as_bytes()).unwrap_err();
    assert_eq!(refused.code(), "E-ATTACH-VERSION");
}

#[test]
fn the_number_of_clients_is_limited() {
    let server = TestServer::new();
    let attached: Vec<_> = (0..8).map(|_| AttachClient::connect(&server.path).unwrap()).collect();
    assert_eq!(AttachClient::connect(&server.path).err().unwrap().code(), "E-ATTACH-BUSY");
    drop(attached);
}

#[test]
fn only_owner_and_group_may_attach_and_the_socket_is_removed() {
    let server = TestServer::new();
    let mode = std::fs::metadata(&server.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    let path = server.path.clone();
    let folder = path.parent().unwrap().to_owned();
    let TestServer { server, _folder: folder_guard, .. } = server;
    drop(server);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    drop(folder_guard);
}

#[test]
fn a_stale_socket_is_replaced_but_not_a_file_or_a_socket_in_use() {
    let server = TestServer::new();
    let open = |path: &Path| AttachServer::open(path, RequestRecorder(Mutex::new(mpsc::channel().0)));
    assert_eq!(open(&server.path).unwrap_err().code(), "E-ATTACH-SOCKET");
    let file = server.path.with_file_name("file");
    std::fs::write(&file, "precious").unwrap();
    assert_eq!(open(&file).unwrap_err().code(), "E-ATTACH-SOCKET");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let stale = server.path.with_file_name("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let server = open(&stale).unwrap();
    AttachClient::connect(&stale).unwrap().close().unwrap();
    drop(server);
}

#[test]
fn invalid_data_from_a_client_disconnects_only_that_client() {
    let mut server = TestServer::new();
    server.feed(&[fixtures::started()]);
    let greeting = format!("{}\n", framing::greeting());
    for invalid in
        [&b"\xff\xff\xff\xff"[..], b"\x01\x00\x00\x00\xff", b"\x40\x00\x00\x00\x00", b"GET / HTTP/1.1\r\n\r\n"]
    {
        for start in [greeting.as_bytes(), b""] {
            let mut stream = UnixStream::connect(&server.path).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(start).unwrap();
            // The server may have closed the connection already.
            let _ = stream.write_all(invalid);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // Returns only if the server closes the connection.
            let ended = stream.read_to_end(&mut Vec::new());
            assert!(ended.as_ref().map_err(io::Error::kind) != Err(io::ErrorKind::WouldBlock), "{invalid:?}");
        }
    }
    assert!(server.requests.try_recv().is_err());
    assert!(AttachClient::connect(&server.path).unwrap().model.session.is_some());
}

#[test]
fn lesions_of_another_size_and_endless_findings_are_refused() {
    let valid = |bscan: &SegmentedBScan| {
        let kind = EventKind::Scan { id: ScanId(1), change: ScanChange::BScan(Arc::new(bscan.clone())) };
        validate::is_valid(&Message::Event(Box::new(event(1.0, kind))))
    };
    let mut bscan = bscan_with_lesions(0, None);
    assert!(valid(&bscan));
    bscan.lesions = LesionMask::new(2, vec![0; 4]);
    assert!(!valid(&bscan));

    let ScanChange::Done(summary) = fixtures::done_with_lesions(3, 1.0) else { panic!("a finished scan") };
    let valid = |summary: &ScanSummary| {
        let change = ScanChange::Done(Arc::new(summary.clone()));
        validate::is_valid(&Message::Event(Box::new(scan_event(1.0, 1, change))))
    };
    assert!(valid(&summary));
    assert!(!valid(&ScanSummary { findings: summary.findings.repeat(9), ..(*summary).clone() }));
    assert!(!valid(&ScanSummary { lesions: summary.lesions.repeat(9), ..(*summary).clone() }));
}

fn encoded_messages() -> Vec<Vec<u8>> {
    let sample = fixtures::sample_events();
    let model = fed(Model::default(), &sample);
    let mut messages = vec![Message::State(Box::new(model)), Message::Live];
    messages.extend(sample.into_iter().chain([stopped()]).map(|event| Message::Event(Box::new(event))));
    let encode = |message: &Message| {
        let mut bytes = Vec::new();
        framing::send(&mut bytes, message).unwrap();
        bytes
    };
    messages.iter().map(encode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A message with changed bytes is refused, or can be shown.
    #[test]
    fn a_mutated_message_is_refused_or_can_be_rendered(which: prop::sample::Index, changes: Vec<(prop::sample::Index, u8)>) {
        thread_local!(static MESSAGES: Vec<Vec<u8>> = encoded_messages());
        let mut bytes = MESSAGES.with(|messages| which.get(messages).clone());
        // Only the start of a message matters; any bytes are valid pixels.
        let head = bytes.len().min(2000);
        for (at, value) in changes {
            let at = 4 + at.index(head - 4 + 1).min(head - 5);
            bytes[at] = value;
        }
        let Ok(message) = framing::receive::<Message>(&mut &bytes[..], framing::MAX_MESSAGE_BYTES) else { return Ok(()) };
        if validate::is_valid(&message) {
            match message {
                Message::State(model) => drop(rendered(*model)),
                Message::Event(event) => drop(rendered(fed(Model::default(), [&fixtures::started(), &event]))),
                Message::BScan(..) | Message::Live => {}
            }
        }
    }
}
