use std::{
    io::{self, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    sync::{Mutex, mpsc},
    time::Duration,
};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::{
    Controls, dashboard,
    fixtures::{self, event, retina, scan, seen},
};
use octrls_engine::EventSink;
use octrls_engine::{EventKind, ScanChange, Totals};

/// Records the requests of clients.
struct Asked(Mutex<mpsc::Sender<String>>);

impl Asked {
    fn note(&self, words: String) {
        self.0.lock().unwrap().send(words).unwrap();
    }
}

impl Controls for Asked {
    fn drain(&self) {
        self.note("drain".into());
    }
    fn abort(&self) {
        self.note("abort".into());
    }
    fn pause(&self, paused: bool) {
        self.note(format!("pause {paused}"));
    }
    fn rescan(&self) {
        self.note("rescan".into());
    }
    fn retry(&self, scan: ScanId) {
        self.note(format!("retry {}", scan.0));
    }
}

struct Rig {
    hub: Hub,
    asked: mpsc::Receiver<String>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (sender, asked) = mpsc::channel();
        let hub = Hub::open(&path, Asked(Mutex::new(sender))).unwrap();
        Self { hub, asked, path, _folder: folder }
    }

    fn feed<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        events.into_iter().for_each(|event| self.hub.event(event));
    }
}

fn fed<'a>(mut model: Model, events: impl IntoIterator<Item = &'a Event>) -> Model {
    events.into_iter().for_each(|event| model.apply(event));
    model
}

/// The dashboard of the model, as text.
fn shown(model: Model) -> String {
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let mut app = dashboard::attached_for_tests(model, TimeZone::UTC);
    terminal.draw(|frame| app.draw(frame, fixtures::start() + Duration::from_secs(13))).unwrap();
    terminal.backend().to_string()
}

fn stopped() -> Event {
    event(14.0, EventKind::Stopped(Totals { done: 2, ..Totals::default() }))
}

#[test]
fn who_attaches_late_sees_what_is_seen_in_the_process() {
    let mut rig = Rig::new();
    let morning = fixtures::morning();
    let (before, after) = morning.split_at(morning.len() / 2);
    rig.feed(before);
    let attached = Attached::connect(&rig.path).unwrap();
    let end = [stopped()];
    let fed_and_read = |event| {
        rig.feed([event]);
        // One at a time: clients that lag get no B-scans.
        attached.events.recv().unwrap()
    };
    let rest: Vec<Event> = after.iter().chain(&end).map(fed_and_read).collect();
    let inside = fed(Model::default(), morning.iter().chain(&[stopped()]));
    let outside = fed(attached.so_far.clone(), &rest);
    assert_eq!(shown(inside), shown(outside));
    attached.leave().unwrap();
}

#[test]
fn pixels_travel_unchanged() {
    let mut rig = Rig::new();
    let picture = Arc::new(retina(3, Some(fixtures::AXIAL)));
    rig.feed(&[
        fixtures::started(),
        scan(1.0, 7, seen("a.png")),
        scan(2.0, 7, ScanChange::BScan(Arc::clone(&picture))),
    ]);
    let attached = Attached::connect(&rig.path).unwrap();
    let (id, early) = attached.so_far.pictures().pop().unwrap();
    rig.feed(&[scan(3.0, 7, ScanChange::BScan(Arc::clone(&picture)))]);
    let EventKind::Scan { change: ScanChange::BScan(late), .. } = attached.events.recv().unwrap().kind else {
        panic!("a B-scan")
    };
    assert_eq!(id, ScanId(7));
    for came in [early, late] {
        assert_eq!(format!("{came:?}"), format!("{picture:?}"));
    }
}

#[test]
fn paths_travel_though_they_are_no_unicode() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let mut rig = Rig::new();
    let attached = Attached::connect(&rig.path).unwrap();
    let path = PathBuf::from(OsStr::from_bytes(b"a\xff.png"));
    rig.feed(&[scan(1.0, 7, ScanChange::Seen { path: path.clone(), bytes: 3 })]);
    match attached.events.recv().unwrap().kind {
        EventKind::Scan { change: ScanChange::Seen { path: came, bytes: 3 }, .. } => assert_eq!(came, path),
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_reach_the_engine_from_every_screen() {
    let rig = Rig::new();
    let screens = [Attached::connect(&rig.path).unwrap(), Attached::connect(&rig.path).unwrap()];
    let next = || rig.asked.recv_timeout(Duration::from_secs(10)).unwrap();
    screens[0].line().pause(true);
    assert_eq!(next(), "pause true");
    screens[1].line().retry(ScanId(5));
    assert_eq!(next(), "retry 5");
    screens[1].line().rescan();
    assert_eq!(next(), "rescan");
    screens[0].line().abort();
    assert_eq!(next(), "abort");
    screens[0].line().drain();
    assert_eq!(next(), "drain");
}

#[test]
fn leaving_asks_for_nothing_and_leaves_the_others_attached() {
    let mut rig = Rig::new();
    let (first, second) = (Attached::connect(&rig.path).unwrap(), Attached::connect(&rig.path).unwrap());
    first.leave().unwrap();
    rig.feed(&[fixtures::started()]);
    assert!(matches!(second.events.recv().unwrap().kind, EventKind::Started(_)));
    assert!(rig.asked.try_recv().is_err());
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_holds_up_nobody() {
    let mut rig = Rig::new();
    let idle = UnixStream::connect(&rig.path).unwrap();
    let reader = Attached::connect(&rig.path).unwrap();
    let counted = std::thread::spawn(move || reader.events.iter().count());
    // More than the socket and the queue hold.
    let many = 20_000;
    for i in 0..many {
        rig.feed(&[scan(1.0, i, seen(&format!("{i:0>400}.png")))]);
        // The other client must keep up.
        if i % 500 == 0 {
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    rig.feed(&[stopped()]);
    assert_eq!(counted.join().unwrap() as u64, many + 1);
    drop(idle);
}

#[test]
fn a_client_of_another_version_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let answers = ["octrls attach 999 9.9.9\n", "octrls attach busy\n", "HTTP/1.1 400 Bad Request\r\n", ""];
    let server = std::thread::spawn(move || {
        for answer in answers {
            listener.accept().unwrap().0.write_all(answer.as_bytes()).unwrap();
        }
    });
    let codes = answers.map(|_| Attached::connect(&path).err().unwrap().code());
    assert_eq!(codes, ["E-ATTACH-VERSION", "E-ATTACH-BUSY", "E-ATTACH-VERSION", "E-ATTACH-LOST"]);
    server.join().unwrap();
}

#[test]
fn no_more_clients_than_there_are_places() {
    let rig = Rig::new();
    let attached: Vec<_> = (0..8).map(|_| Attached::connect(&rig.path).unwrap()).collect();
    assert_eq!(Attached::connect(&rig.path).err().unwrap().code(), "E-ATTACH-BUSY");
    drop(attached);
}

#[test]
fn owner_and_group_alone_may_attach_and_nothing_is_left_behind() {
    let rig = Rig::new();
    let mode = std::fs::metadata(&rig.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    let path = rig.path.clone();
    let folder = path.parent().unwrap().to_owned();
    let Rig { hub, _folder: kept, .. } = rig;
    drop(hub);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    drop(kept);
}

#[test]
fn a_socket_in_use_and_a_file_are_left_alone_but_a_dead_socket_is_replaced() {
    let rig = Rig::new();
    let open = |path: &Path| Hub::open(path, Asked(Mutex::new(mpsc::channel().0)));
    assert_eq!(open(&rig.path).unwrap_err().code(), "E-ATTACH-SOCKET");
    let file = rig.path.with_file_name("file");
    std::fs::write(&file, "precious").unwrap();
    assert_eq!(open(&file).unwrap_err().code(), "E-ATTACH-SOCKET");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let dead = rig.path.with_file_name("dead");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let hub = open(&dead).unwrap();
    Attached::connect(&dead).unwrap().leave().unwrap();
    drop(hub);
}

#[test]
fn nonsense_from_a_client_ends_that_client_alone() {
    let mut rig = Rig::new();
    rig.feed(&[fixtures::started()]);
    let greeting = format!("{}\n", frame::greeting());
    for nonsense in
        [&b"\xff\xff\xff\xff"[..], b"\x01\x00\x00\x00\xff", b"\x40\x00\x00\x00\x00", b"GET / HTTP/1.1\r\n\r\n"]
    {
        for start in [greeting.as_bytes(), b""] {
            let mut stream = UnixStream::connect(&rig.path).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(start).unwrap();
            // The server may have closed the connection already.
            let _ = stream.write_all(nonsense);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // Returns only if the server closes the connection.
            let ended = stream.read_to_end(&mut Vec::new());
            assert!(ended.as_ref().map_err(io::Error::kind) != Err(io::ErrorKind::WouldBlock), "{nonsense:?}");
        }
    }
    assert!(rig.asked.try_recv().is_err());
    assert!(Attached::connect(&rig.path).unwrap().so_far.session.is_some());
}

fn frames() -> Vec<Vec<u8>> {
    let morning = fixtures::morning();
    let model = fed(Model::default(), &morning);
    let mut messages = vec![Message::State(Box::new(model)), Message::Live];
    messages.extend(morning.into_iter().chain([stopped()]).map(|event| Message::Event(Box::new(event))));
    let encode = |message: &Message| {
        let mut bytes = Vec::new();
        frame::send(&mut bytes, message).unwrap();
        bytes
    };
    messages.iter().map(encode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A message with changed bytes is refused, or can be shown.
    #[test]
    fn a_changed_message_is_refused_or_can_be_shown(which: prop::sample::Index, changes: Vec<(prop::sample::Index, u8)>) {
        thread_local!(static FRAMES: Vec<Vec<u8>> = frames());
        let mut bytes = FRAMES.with(|frames| which.get(frames).clone());
        // Only the start of a message matters; any bytes are valid pixels.
        let head = bytes.len().min(2000);
        for (at, value) in changes {
            let at = 4 + at.index(head - 4 + 1).min(head - 5);
            bytes[at] = value;
        }
        let Ok(message) = frame::receive::<Message>(&mut &bytes[..], frame::LONGEST_MESSAGE) else { return Ok(()) };
        if validate::is_sound(&message) {
            match message {
                Message::State(model) => drop(shown(*model)),
                Message::Event(event) => drop(shown(fed(Model::default(), [&fixtures::started(), &event]))),
                Message::Picture(..) | Message::Live => {}
            }
        }
    }
}
