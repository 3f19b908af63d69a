//! Watches a root: change events serve as hints, and full walks make sure that nothing is missed.
//!
//! A new file is checked until it stops changing, then reported as ready. Only this thread touches the root before a
//! worker does, so that a hanging share blocks nothing else.

use std::{
    collections::{BTreeSet, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded, select};
use notify::{
    Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use octrls_core::ErrorCode;
use octrls_fs::{mounts::Mount, platform::FileId};
use octrls_readers::{ScanFiles, may_have_parts};
use walkdir::WalkDir;

use super::{
    exports::Exports,
    pending::{PendingScans, Sighting},
    scan_ids::ScanIds,
    series::Series,
    stamp::Stamp,
    watch_scope::WatchScope,
};
use crate::{
    LedgerError, Level, ScanId,
    ledger::{self, Ledger, PathStatus},
};

/// Time between two checks of whether the root is reachable.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Time between two walks if the system cannot send events.
const FALLBACK_POLL: Duration = Duration::from_secs(10);

/// Time between two walks of a network share, which sends no events and reports no error.
const SHARE_POLL: Duration = Duration::from_secs(10);

/// Capacity of the hint channel; if it overflows, a walk is cheaper.
const HINTS: usize = 4096;

/// Most checks of growing files before hints and requests get their turn.
const CHECKS_AT_ONCE: usize = 64;

/// A request to the watcher.
#[derive(Debug)]
pub(crate) enum Request {
    /// Check the scan with this name.
    Check(PathBuf),
    /// Walk through the whole root now.
    Walk,
    /// There are new files to check for changes.
    Wake,
}

/// A watcher's finding and its root.
#[derive(Debug)]
pub(crate) struct Report {
    /// Index of the root.
    pub(crate) root: usize,
    pub(crate) finding: Finding,
}

/// What a watcher found.
#[derive(Debug)]
pub(crate) enum Finding {
    /// A new scan, which may still be growing.
    Seen { id: ScanId, path: PathBuf, bytes: u64 },
    /// A scan that was still growing is gone.
    Vanished(ScanId),
    /// A scan stopped changing. The scheduler now has it.
    Ready(ReadyScan),
    /// The root became unreachable (`false`) or reachable (`true`).
    Root(bool),
    /// A walk has found all scans in the root.
    Walked,
    /// The ledger cannot tell whether a scan is new.
    LedgerFailed(LedgerError),
    /// A message to the operator.
    Notice(Level, ErrorCode, String),
}

/// A scan that stopped changing.
#[derive(Debug)]
pub(crate) struct ReadyScan {
    pub(crate) id: ScanId,
    /// Name of the scan.
    pub(crate) path: PathBuf,
    pub(crate) files: ScanFiles,
    pub(crate) stamp: Stamp,
}

/// A change event of the operating system.
enum Hint {
    Path(PathBuf),
    /// Events were lost.
    Missed,
    Failed(String),
}

/// The engine has stopped and wants no more reports.
struct Stopped;

/// A root to watch, and how.
pub(crate) struct WatchedRoot {
    /// Index of the root.
    pub(crate) number: usize,
    /// First part of the names of its scans.
    pub(crate) name: PathBuf,
    pub(crate) scope: WatchScope,
    /// Time between two walks.
    pub(crate) rescan: Duration,
    /// Configured polling interval.
    pub(crate) poll: Option<Duration>,
    /// The unfinished scans of the root.
    pub(crate) pending: PendingScans,
}

/// What the watchers of all roots share with each other and with the workers.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) exports: Exports,
    pub(crate) series: Series,
    pub(crate) ids: ScanIds,
    /// Weak, because a watcher of a hanging share outlives the engine.
    pub(crate) ledger: Weak<Mutex<Ledger>>,
    pub(crate) reports: Sender<Report>,
}

/// The watcher of one root.
pub(crate) struct Watcher {
    number: usize,
    name: PathBuf,
    scope: WatchScope,
    pending: PendingScans,
    exports: Exports,
    series: Series,
    ids: ScanIds,
    ledger: Weak<Mutex<Ledger>>,
    rescan: Duration,
    /// Polling interval; `None` if change events are used.
    poll: Option<Duration>,
    /// Whether polling was configured, so that the root's file system does not matter.
    poll_configured: bool,
    requests: Receiver<Request>,
    reports: Sender<Report>,
    hints: (Sender<Hint>, Receiver<Hint>),
    missed: Arc<AtomicBool>,
    native: Option<RecommendedWatcher>,
    /// Identity of the root folder while it is reachable.
    root: Option<FileId>,
    next_probe: Instant,
    next_walk: Instant,
    /// Instances that were checked and whose series must be looked at.
    instances: BTreeSet<PathBuf>,
    /// Number of the current or last walk.
    walks: u64,
    /// Folders that have just appeared.
    new_folders: HashSet<PathBuf>,
    /// Unreadable folders that were reported already.
    unreadable: HashSet<PathBuf>,
    /// Files of the first walk that are no scans; `None` once they are reported.
    passed_by: Option<usize>,
}

impl Watcher {
    pub(crate) fn new(root: WatchedRoot, shared: Shared, requests: Receiver<Request>) -> Self {
        let WatchedRoot { number, name, scope, rescan, poll, pending } = root;
        let Shared { exports, series, ids, ledger, reports } = shared;
        let now = Instant::now();
        let root = identity(scope.root()).ok();
        Self {
            number,
            name,
            scope,
            pending,
            exports,
            series,
            ids,
            ledger,
            rescan,
            poll,
            poll_configured: poll.is_some(),
            requests,
            reports,
            hints: bounded(HINTS),
            missed: Arc::default(),
            native: None,
            root,
            next_probe: now,
            next_walk: now,
            instances: BTreeSet::new(),
            walks: 0,
            new_folders: HashSet::new(),
            unreadable: HashSet::new(),
            passed_by: Some(0),
        }
    }

    /// Watches until the engine stops.
    pub(crate) fn run(mut self) {
        let _: Result<(), Stopped> = self.watch();
    }

    fn watch(&mut self) -> Result<(), Stopped> {
        self.subscribe()?;
        loop {
            if self.next_probe <= Instant::now() {
                self.probe()?;
            }
            if self.missed.swap(false, Ordering::Relaxed) {
                self.next_walk = Instant::now();
            }
            if self.root.is_some() && self.next_walk <= Instant::now() {
                let start = Instant::now();
                let is_complete = self.walk(&PathBuf::new())?;
                // Unless another walk was requested meanwhile.
                if self.next_walk <= start {
                    self.next_walk = Instant::now() + self.interval();
                }
                if is_complete {
                    self.report_passed_by()?;
                    self.series.forget_missing_folders(self.scope.root());
                    self.report(Finding::Walked)?;
                }
            }
            for folder in std::mem::take(&mut self.new_folders) {
                self.walk(&folder)?;
            }
            self.check_due()?;
            select! {
                recv(self.requests) -> request => self.on_request(request.map_err(|_| Stopped)?)?,
                recv(self.hints.1) -> hint => if let Ok(hint) = hint { self.on_hint(hint)? },
                default(self.next_step().saturating_duration_since(Instant::now())) => {}
            }
        }
    }

    /// When the watcher must act without a hint or a request.
    fn next_step(&self) -> Instant {
        if self.root.is_none() {
            return self.next_probe;
        }
        self.pending.next_check().into_iter().chain([self.next_walk]).fold(self.next_probe, Instant::min)
    }

    /// Time between two walks.
    fn interval(&self) -> Duration {
        match (self.poll, &self.native) {
            (Some(poll), _) => poll,
            (None, Some(_)) => self.rescan,
            (None, None) => self.rescan.min(FALLBACK_POLL),
        }
    }

    /// Subscribes to change events, unless polling is configured.
    fn subscribe(&mut self) -> Result<(), Stopped> {
        self.native = None;
        if self.root.is_none() {
            return Ok(());
        }
        if !self.poll_configured {
            self.detect_share()?;
        }
        if self.poll.is_some() {
            return Ok(());
        }
        let (hints, missed) = (self.hints.0.clone(), Arc::clone(&self.missed));
        let on_event = move |event: notify::Result<notify::Event>| {
            for hint in hints_of(event) {
                if let Err(TrySendError::Full(_)) = hints.try_send(hint) {
                    missed.store(true, Ordering::Relaxed);
                }
            }
        };
        let config = Config::default().with_follow_symlinks(false);
        let subscribed = RecommendedWatcher::new(on_event, config).and_then(|mut native| {
            native.watch(self.scope.root(), RecursiveMode::Recursive)?;
            Ok(native)
        });
        match subscribed {
            Ok(native) => self.native = Some(native),
            Err(error) => self.fall_back(&error.to_string())?,
        }
        Ok(())
    }

    /// Polls the root if it is a share. A share may be mounted long after the start.
    fn detect_share(&mut self) -> Result<(), Stopped> {
        let Some(share) = Mount::of(self.scope.root()).filter(Mount::is_share) else {
            self.poll = None;
            return Ok(());
        };
        self.poll = Some(SHARE_POLL);
        let seconds = SHARE_POLL.as_secs();
        let text = format!("a network share ({}) sends no change events; polling it every {seconds} s", share.kind);
        self.report(Finding::Notice(Level::Info, ErrorCode::WatchPolling, text))
    }

    fn fall_back(&mut self, problem: &str) -> Result<(), Stopped> {
        self.native = None;
        self.next_walk = self.next_walk.min(Instant::now() + self.interval());
        let text = format!("cannot receive change events ({problem}); polling the folder instead");
        self.report(Finding::Notice(Level::Warning, ErrorCode::WatchPolling, text))
    }

    /// Checks whether the root is reachable and still the same folder.
    fn probe(&mut self) -> Result<(), Stopped> {
        self.next_probe = Instant::now() + PROBE_EVERY.min(self.interval());
        let before = std::mem::replace(&mut self.root, identity(self.scope.root()).ok());
        if before == self.root {
            return Ok(());
        }
        // Events of the old folder, or of the mount point below a share, say nothing about the new one.
        self.subscribe()?;
        self.next_walk = Instant::now();
        if before.is_some() && self.root.is_some() {
            let text = "another folder has replaced the watched one; check whether a share was mounted or unmounted";
            return self.report(Finding::Notice(Level::Warning, ErrorCode::WatchReplaced, text.into()));
        }
        self.report(Finding::Root(self.root.is_some()))
    }

    fn on_request(&mut self, request: Request) -> Result<(), Stopped> {
        match request {
            Request::Check(name) => match name.strip_prefix(&self.name) {
                // The file may be out of scope.
                Ok(path) if self.scope.is_scan(path) => self.inspect_scan(path.to_owned())?,
                _ => {}
            },
            Request::Walk => self.next_walk = Instant::now(),
            Request::Wake => {}
        }
        Ok(())
    }

    fn on_hint(&mut self, hint: Hint) -> Result<(), Stopped> {
        match hint {
            Hint::Missed => self.next_walk = Instant::now(),
            Hint::Failed(problem) if self.native.is_some() => self.fall_back(&problem)?,
            Hint::Failed(_) => {}
            Hint::Path(path) if path == self.scope.root() => self.probe()?,
            Hint::Path(path) => {
                let Some(path) = self.scope.affected_file(&path) else { return Ok(()) };
                if fs::symlink_metadata(self.scope.root().join(&path)).is_ok_and(|found| found.is_dir()) {
                    self.new_folders.insert(path);
                } else if self.scope.is_scan(&path) {
                    let at = Instant::now();
                    self.inspect(path)?;
                    self.sight_series(at)?;
                }
            }
        }
        Ok(())
    }

    /// Checks all scans in a folder below the root; returns whether the folder could be walked.
    fn walk(&mut self, folder: &Path) -> Result<bool, Stopped> {
        let scope = self.scope.clone();
        let below = |path: &Path| path.strip_prefix(scope.root()).map(Path::to_owned).unwrap_or_default();
        self.walks += 1;
        // The files of a folder come together, before its subfolders.
        let mut current = None;
        let entries = WalkDir::new(scope.root().join(folder))
            .follow_links(false)
            // Exports come before the images that they list.
            .sort_by_key(|entry| (entry.file_type().is_dir(), !may_have_parts(entry.path())))
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || scope.admits(&below(entry.path())));
        for entry in entries {
            self.interrupt_walk()?;
            match entry {
                Ok(entry) => {
                    let path = below(entry.path());
                    if entry.file_type().is_file() && entry.path().parent() != current.as_deref() {
                        self.leave_folder(current)?;
                        current = entry.path().parent().map(Path::to_owned);
                    }
                    if entry.file_type().is_file() && scope.is_scan(&path) {
                        self.inspect(path)?;
                    } else if self.passed_by.is_some() && entry.file_type().is_file() && scope.is_passed_by(&path) {
                        self.passed_by = self.passed_by.map(|files| files + 1);
                    }
                }
                Err(error) if error.depth() == 0 => {
                    self.probe()?;
                    return Ok(false);
                }
                Err(error) => self.report_unreadable(&error)?,
            }
            if self.root.is_none() {
                return Ok(false);
            }
        }
        self.leave_folder(current)?;
        Ok(true)
    }

    /// Does what must not wait for the end of a long walk.
    fn interrupt_walk(&mut self) -> Result<(), Stopped> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.on_request(request)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Stopped),
            }
        }
        while let Ok(hint) = self.hints.1.try_recv() {
            self.on_hint(hint)?;
        }
        self.check_due()
    }

    /// Notes instances that have disappeared from a folder, and looks at its series. Called after a walk has inspected
    /// all files of the folder.
    fn leave_folder(&mut self, folder: Option<PathBuf>) -> Result<(), Stopped> {
        if let Some(folder) = folder {
            self.instances.extend(self.series.finish_walk(&folder, self.walks));
        }
        self.sight_series(Instant::now())
    }

    /// Checks growing files that are due.
    fn check_due(&mut self) -> Result<(), Stopped> {
        for _ in 0..CHECKS_AT_ONCE {
            if self.root.is_none() {
                break;
            }
            let Some(name) = self.pending.take_due(Instant::now()) else { break };
            self.inspect_scan(name.strip_prefix(&self.name).map(Path::to_owned).unwrap_or(name))?;
        }
        Ok(())
    }

    /// Checks the scan named by a file; of a series, all of its files.
    fn inspect_scan(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let at = Instant::now();
        let files = self.series.files(&self.scope.root().join(&path));
        if files.instances().is_empty() {
            self.inspect(path)?;
        }
        for file in files.instances() {
            self.inspect(self.below(file))?;
        }
        self.sight_series(at)
    }

    /// Checks one file. An image listed by an export is not a scan. An instance of a series is looked at later, with its
    /// series.
    fn inspect(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let at = Instant::now();
        let file = self.scope.root().join(&path);
        match Stamp::take(&file) {
            Ok(Some(_)) if self.exports.lists(&file) => self.drop_candidate(&self.name.join(path)),
            Ok(Some(stamp)) => {
                let change = self.series.record(&file, stamp.scan, self.walks);
                self.instances.extend(change.left);
                if change.is_instance {
                    self.instances.insert(file);
                    return Ok(());
                }
                if change.is_companion {
                    return self.pass_by(&file, change.is_new);
                }
                self.exports.record(&file, stamp);
                self.sight(&file, stamp, at)
            }
            Ok(None) => self.gone(&file),
            Err(error) => {
                self.probe()?;
                let is_gone = error.kind() == io::ErrorKind::NotFound && self.root.is_some();
                if is_gone { self.gone(&file) } else { Ok(()) }
            }
        }
    }

    /// Leaves out a picture that belongs to scans; says so once.
    fn pass_by(&mut self, file: &Path, is_new: bool) -> Result<(), Stopped> {
        let name = self.name_of(file);
        self.drop_candidate(&name)?;
        if !is_new {
            return Ok(());
        }
        let text = format!(
            "{}: a photograph or en-face image without B-scans; it appears in the reports of scans that refer to it",
            name.display()
        );
        self.report(Finding::Notice(Level::Info, ErrorCode::ReadCompanion, text))
    }

    /// Looks at the series whose instances were checked at the time `at` or later.
    fn sight_series(&mut self, at: Instant) -> Result<(), Stopped> {
        while !self.instances.is_empty() {
            let mut heads = BTreeSet::new();
            for instance in std::mem::take(&mut self.instances) {
                let Some(head) = self.series.head(&instance) else { continue };
                if head != instance {
                    self.drop_candidate(&self.name_of(&instance))?;
                }
                heads.insert(head);
            }
            for head in heads {
                // Unless the previous first file now names another series.
                let earlier = self.series.rename(&head).filter(|e| self.series.head(e).as_ref() != Some(e));
                if let Some(earlier) = earlier {
                    self.drop_candidate(&self.name_of(&earlier))?;
                }
                match self.series.recorded_stamp(&head) {
                    Ok(Some(stamp)) => self.sight(&head, stamp, at)?,
                    Ok(None) => self.gone(&head)?,
                    Err(error) => {
                        self.probe()?;
                        // If the root is unreachable, the next check will tell.
                        if error.kind() == io::ErrorKind::NotFound && self.root.is_some() {
                            self.gone(&head)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Decides what to do with the scan named by `file`, which had `stamp` at the time `at`.
    fn sight(&self, file: &Path, stamp: Stamp, at: Instant) -> Result<(), Stopped> {
        let path = self.name_of(file);
        match self.pending.sighted(&path, stamp, at) {
            Sighting::Known => Ok(()),
            Sighting::Ready(id) => {
                let files = self.series.files(file);
                self.report(Finding::Ready(ReadyScan { id, path, files, stamp }))
            }
            Sighting::New => {
                let ledger = self.ledger.upgrade().ok_or(Stopped)?;
                let status = ledger::lock(&ledger).status_of(&path, stamp);
                match status {
                    Ok(PathStatus::Done | PathStatus::Quarantined) => Ok(()),
                    Ok(PathStatus::Unknown) => {
                        let (id, bytes) = (self.ids.next(), stamp.scan.bytes);
                        if self.pending.add(id, path.clone(), stamp, at) {
                            self.report(Finding::Seen { id, path, bytes })?;
                        }
                        Ok(())
                    }
                    // The next walk finds the file again.
                    Err(error) => self.report(Finding::LedgerFailed(error)),
                }
            }
        }
    }

    fn gone(&mut self, file: &Path) -> Result<(), Stopped> {
        self.exports.remove(file);
        self.instances.extend(self.series.remove_file(file));
        self.drop_candidate(&self.name_of(file))
    }

    /// Forgets a scan that was still growing, if there is one of that name.
    fn drop_candidate(&self, name: &Path) -> Result<(), Stopped> {
        if let Some(id) = self.pending.candidate(name) {
            // Reported first: an engine without pending scans and reports may stop.
            self.report(Finding::Vanished(id))?;
            self.pending.remove_candidate(name);
        }
        Ok(())
    }

    /// Path below the root of a file in it.
    fn below(&self, file: &Path) -> PathBuf {
        file.strip_prefix(self.scope.root()).map(Path::to_owned).unwrap_or_default()
    }

    /// Name of a scan in the root.
    fn name_of(&self, file: &Path) -> PathBuf {
        self.name.join(self.below(file))
    }

    /// Reports once how many files are no scans, so that an empty outcome is not silent.
    fn report_passed_by(&mut self) -> Result<(), Stopped> {
        match self.passed_by.take() {
            None | Some(0) => Ok(()),
            Some(files) => {
                let text = match files {
                    1 => "1 file is no scan and is passed by".to_owned(),
                    _ => format!("{files} files are no scans and are passed by"),
                };
                self.report(Finding::Notice(Level::Info, ErrorCode::WatchPassedBy, text))
            }
        }
    }

    fn report_unreadable(&mut self, error: &walkdir::Error) -> Result<(), Stopped> {
        let is_gone = error.io_error().is_some_and(|io| io.kind() == io::ErrorKind::NotFound);
        let path = error.path().and_then(|path| path.strip_prefix(self.scope.root()).ok()).unwrap_or(Path::new(""));
        if is_gone || !self.unreadable.insert(path.to_owned()) {
            return Ok(());
        }
        let cause = error.io_error().map(ToString::to_string).unwrap_or_default();
        let text = format!("cannot read the folder {}: {cause}", self.name.join(path).display());
        self.report(Finding::Notice(Level::Warning, ErrorCode::WatchUnreadable, text))
    }

    fn report(&self, finding: Finding) -> Result<(), Stopped> {
        self.reports.send(Report { root: self.number, finding }).map_err(|_| Stopped)
    }
}

fn hints_of(event: notify::Result<notify::Event>) -> Vec<Hint> {
    match event {
        Err(error) => vec![Hint::Failed(error.to_string())],
        Ok(event) if event.need_rescan() => vec![Hint::Missed],
        Ok(event) => match event.kind {
            // The walks themselves cause these events.
            EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write) => Vec::new(),
            _ => event.paths.into_iter().map(Hint::Path).collect(),
        },
    }
}

/// Tells a folder from another of the same name, such as a share mounted over it.
fn identity(folder: &Path) -> io::Result<FileId> {
    let metadata = fs::metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(FileId::of(&metadata))
}
