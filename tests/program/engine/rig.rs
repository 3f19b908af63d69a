//! Test fixture: a watched folder, a processor that follows words in the scan file, and events as lines of text.

use octrls_core::ErrorCode;
use std::{
    collections::{HashMap, HashSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use octrls_core::scan::{Pattern, ScanHeader};
use octrls_engine::{
    Cancelled, Engine, EngineError, EngineHandle, EngineOptions, Event, EventKind, ModelFacts, ProcessError, Processor,
    ScanChange, ScanId, ScanSummary, ScanTask, Totals,
};
use tempfile::TempDir;

use crate::engine::{stub::summary, support::octrls};

/// Timeout for tests that hang; far longer than any step takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Copies a scan to `result.txt`, unless its first word says otherwise.
pub(crate) struct Copier {
    /// Names of the scans processed.
    calls: Mutex<Vec<String>>,
    flaky: Mutex<HashSet<PathBuf>>,
    /// Whether the next scan at the gate succeeds or fails.
    gate: (Sender<bool>, Receiver<bool>),
    /// Number of finished calls, whatever their outcome.
    finished_calls: AtomicUsize,
    fails_exports: AtomicBool,
}

/// Increments the counter when a call ends.
struct CallGuard<'a>(&'a AtomicUsize);

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Copier {
    fn follow(
        &self,
        name: &Path,
        text: &str,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<(), ProcessError> {
        let error = |code, transient| Err(ProcessError { code, reason: "as the scan asks".into(), transient });
        match text.split_whitespace().next() {
            None => error(ErrorCode::ReadEmpty, false),
            Some("bad") => error(ErrorCode::ReadFormat, false),
            Some("cut") if !text.ends_with("whole") => error(ErrorCode::ReadTruncated, false),
            Some(word) if word.starts_with("<HEDX>") && self.fails_exports.load(Ordering::SeqCst) => {
                error(ErrorCode::ReadFormat, false)
            }
            Some("down") => error(ErrorCode::OutIo, true),
            Some("flaky") if self.flaky.lock().unwrap().insert(name.to_owned()) => error(ErrorCode::ReadIo, true),
            Some("full") => error(ErrorCode::OutFull, true),
            Some("panic") => panic!("as the scan asks"),
            Some("gate") if self.gate.1.recv_timeout(PATIENCE).unwrap() => Ok(()),
            Some("gate") => error(ErrorCode::ReadIo, true),
            // Ignores cancellation, as a looping decoder or a hanging disk does.
            Some("stuck") => loop {
                std::thread::park();
            },
            Some("endless") => loop {
                if let ControlFlow::Break(cancelled) = report(ScanChange::Opened(Arc::new(header()))) {
                    return Err(cancelled.into());
                }
                std::thread::sleep(Duration::from_millis(5));
            },
            Some(_) => Ok(()),
        }
    }
}

impl Processor for Copier {
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        let _guard = CallGuard(&self.finished_calls);
        let ScanTask { files, name, out, .. } = *task;
        let files = files.contents().unwrap();
        let text = files.iter().map(|file| words(file)).collect::<Vec<_>>().join(" ");
        self.calls.lock().unwrap().push(name.display().to_string());
        self.follow(name, &text, report)?;
        if let ControlFlow::Break(cancelled) = report(ScanChange::Running { attempt: 1 }) {
            return Err(cancelled.into());
        }
        fs::create_dir_all(out).unwrap();
        fs::write(out.join("result.txt"), text).unwrap();
        fs::write(out.join("overlay.png"), "not a scan").unwrap();
        fs::write(out.join("result.json"), r#"{"schema": "octrls.result/2"}"#).unwrap();
        Ok(summary(out))
    }

    fn fingerprint(&self) -> String {
        "copier 1".into()
    }
}

/// The words in a scan: its text, or the preamble of a DICOM file, which has no other use.
fn words(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let preamble = bytes.get(128..132).is_some_and(|magic| magic == b"DICM");
    let text = if preamble { bytes[..128].to_vec() } else { bytes };
    String::from_utf8(text).unwrap().trim_end_matches('\0').to_owned()
}

fn header() -> ScanHeader {
    ScanHeader {
        format: "text".into(),
        bscans: 1,
        width: 1,
        height: 1,
        axial: None,
        lateral: None,
        eye: None,
        eye_from: None,
        pattern: Pattern::Unknown,
        pattern_from: None,
        tracks: Vec::new(),
        places: None,
        notes: Vec::new(),
    }
}

/// Everything a test needs. Dropping it deletes all files.
pub(crate) struct Rig {
    dir: TempDir,
    pub(crate) options: EngineOptions,
    copier: Arc<Copier>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("in");
        fs::create_dir(&root).unwrap();
        let options = EngineOptions {
            stability: Duration::from_millis(60),
            rescan: Duration::from_millis(150),
            backoff: Duration::from_millis(10),
            workers: 2,
            ..EngineOptions::new(root, dir.path().join("out"))
        };
        let copier = Arc::new(Copier {
            calls: Mutex::default(),
            flaky: Mutex::default(),
            gate: unbounded(),
            finished_calls: AtomicUsize::new(0),
            fails_exports: AtomicBool::new(false),
        });
        Self { dir, options, copier }
    }

    /// A folder beside the watched one.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path in the watched folder.
    pub(crate) fn scan(&self, name: &str) -> PathBuf {
        self.options.roots[0].join(name)
    }

    /// A path in the results folder.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.options.out.join(name)
    }

    /// Writes a scan into the watched folder.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.scan(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Content of a scan's results.
    pub(crate) fn result(&self, name: &str) -> String {
        fs::read_to_string(self.out(name).join("result.txt")).unwrap()
    }

    /// Runs a command on the results folder; returns whether it succeeded, and its output followed by its errors.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String) {
        let output = octrls().args(arguments).arg("--out").arg(self.out("")).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// State and path of every scan, by `octrls ls`.
    pub(crate) fn ls(&self) -> Vec<String> {
        let (_, text) = self.command(&["ls", "--json"]);
        let objects = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        objects.map(|o| format!("{} {}", o["state"].as_str().unwrap(), o["path"].as_str().unwrap())).collect()
    }

    /// Names of the scans processed so far, sorted.
    pub(crate) fn calls(&self) -> Vec<String> {
        let mut names = self.copier.calls.lock().unwrap().clone();
        names.sort();
        names
    }

    /// Waits until `count` calls have finished, whatever their outcome.
    pub(crate) fn wait_for_calls(&self, count: usize) {
        let start = Instant::now();
        while self.copier.finished_calls.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < PATIENCE, "{:?}", self.copier.calls);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets one `gate` scan succeed.
    pub(crate) fn open_gate(&self) {
        self.copier.gate.0.send(true).unwrap();
    }

    /// Lets one `gate` scan fail.
    pub(crate) fn fail_gate(&self) {
        self.copier.gate.0.send(false).unwrap();
    }

    /// Makes every export fail.
    pub(crate) fn fail_exports(&self) {
        self.copier.fails_exports.store(true, Ordering::SeqCst);
    }

    pub(crate) fn start(&self) -> Session {
        self.start_unlocked(&self.options)
    }

    /// The error code of an engine that cannot start.
    pub(crate) fn start_error(&self) -> &'static str {
        match self.start_with(self.options.clone()) {
            Err(error) => error.code().as_str(),
            Ok(_) => panic!("it started"),
        }
    }

    /// Processes all files; returns the events and totals.
    pub(crate) fn run_until_idle(&self) -> (Vec<String>, Totals) {
        self.start_unlocked(&EngineOptions { until_idle: true, ..self.options.clone() }).join()
    }

    /// Starts an engine. A command that another test is starting right now may still hold the lock of the engine before: a
    /// process has the open files of its parent until it runs its program.
    fn start_unlocked(&self, options: &EngineOptions) -> Session {
        let start = Instant::now();
        loop {
            match self.start_with(options.clone()) {
                Err(EngineError::Locked { .. }) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                started => return started.unwrap(),
            }
        }
    }

    fn start_with(&self, options: EngineOptions) -> Result<Session, EngineError> {
        let (engine, events) = Engine::start(options, Arc::clone(&self.copier) as _, ModelFacts::default())?;
        let (ids, names, log) = (HashMap::new(), HashMap::new(), Vec::new());
        Ok(Session { handle: engine.handle(), engine, events, ids, names, log })
    }
}

/// A running engine and its events so far.
pub(crate) struct Session {
    pub(crate) handle: EngineHandle,
    engine: Engine,
    events: Receiver<Event>,
    ids: HashMap<String, ScanId>,
    names: HashMap<ScanId, String>,
    pub(crate) log: Vec<String>,
}

impl Session {
    /// Waits until an event reads like `line`; events read earlier count too.
    pub(crate) fn wait_for(&mut self, line: &str) {
        while !self.log.iter().any(|known| known == line) {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) => self.note(event),
                Err(error) => panic!("no \"{line}\" ({error}) after {:#?}", self.log),
            }
        }
    }

    /// Forgets the events so far, so that [`wait_for`](Self::wait_for) waits for new ones.
    pub(crate) fn clear_log(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.note(event);
        }
        self.log.clear();
    }

    pub(crate) fn id(&self, name: &str) -> ScanId {
        self.ids[name]
    }

    /// Drains the engine; returns the events and totals.
    pub(crate) fn finish(self) -> (Vec<String>, Totals) {
        self.handle.drain();
        self.join()
    }

    /// Drops every handle to the engine and returns the remaining events.
    pub(crate) fn abandon(self) -> Receiver<Event> {
        self.events
    }

    /// Waits until the engine stops by itself.
    pub(crate) fn join(mut self) -> (Vec<String>, Totals) {
        self.wait_for("stopped");
        let totals = self.engine.join();
        assert!(self.events.recv().is_err(), "an event after the last one");
        (self.log, totals)
    }

    fn note(&mut self, event: Event) {
        let line = match event.kind {
            EventKind::Started(_) => "started".to_owned(),
            EventKind::RootOnline(true) => "online".into(),
            EventKind::RootOnline(false) => "offline".into(),
            EventKind::Paused(paused) => if paused { "paused" } else { "resumed" }.into(),
            EventKind::Notice { code, .. } => format!("notice {}", code.map_or("-", ErrorCode::as_str)),
            EventKind::Draining { running } => format!("draining {running}"),
            EventKind::Stopped(_) => "stopped".into(),
            EventKind::Scan { id, change } => {
                if let ScanChange::Seen { path, .. } = &change {
                    self.ids.insert(path.display().to_string(), id);
                    self.names.insert(id, path.display().to_string());
                }
                let name = &self.names[&id];
                match change {
                    ScanChange::Seen { .. } => format!("seen {name}"),
                    ScanChange::Queued => format!("queued {name}"),
                    ScanChange::AlreadyDone => format!("already done {name}"),
                    ScanChange::Vanished => format!("vanished {name}"),
                    ScanChange::Running { attempt } => format!("running {name} {attempt}"),
                    ScanChange::Opened(_) => format!("opened {name}"),
                    ScanChange::BScan(_) => format!("bscan {name}"),
                    ScanChange::Done(_) => format!("done {name}"),
                    ScanChange::Retrying { code, next_attempt, .. } => format!("retrying {name} {code} {next_attempt}"),
                    ScanChange::Quarantined { code, .. } => format!("quarantined {name} {code}"),
                }
            }
        };
        self.log.push(line);
    }
}

/// The lines of a log that concern one scan.
pub(crate) fn lines_of<'a>(log: &'a [String], name: &str) -> Vec<&'a str> {
    log.iter().filter(|line| line.split_whitespace().any(|word| word == name)).map(String::as_str).collect()
}
