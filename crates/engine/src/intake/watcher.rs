//! Watches a root: change events serve as hints, and full walks make sure that nothing is missed.
//!
//! A new file is checked until it stops changing, then reported as ready. Only this thread touches the root before a
//! worker does, so that a hanging share blocks nothing else.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use notify::RecommendedWatcher;
use octrls_core::ErrorCode;
use octrls_fs::platform::FileId;
use octrls_readers::ScanFiles;
use octrls_report::holds_results;

use super::{
    exports::Exports, pending::PendingScans, root_access::identity, scan_ids::ScanIds, series::Series, stamp::Stamp,
    watch_scope::WatchScope,
};
use crate::{LedgerError, Level, ScanId, ledger::Ledger, schedule::heartbeat::Heartbeat};

/// Time between two checks of whether the root is reachable.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Time between two walks if the system cannot send events.
const FALLBACK_POLL: Duration = Duration::from_secs(10);

/// Capacity of the hint channel; if it overflows, a walk is cheaper.
const HINTS: usize = 4096;

/// A request to the watcher.
#[derive(Debug)]
pub(crate) enum Request {
    /// Check the scan with this name.
    Check(PathBuf),
    /// Walk through the whole root now, and report the number of this request when done.
    Walk(u64),
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
    /// The root became reachable, or unreachable for this reason.
    Root(Result<(), String>),
    /// A walk has found all scans in the root; it began after the request with this number.
    Walked(u64),
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
pub(super) enum Hint {
    Path(PathBuf),
    /// Events were lost.
    Missed,
    Failed(String),
}

/// The engine has stopped and wants no more reports.
pub(super) struct Stopped;

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
    /// Shows that the watcher comes round.
    pub(crate) heartbeat: Arc<Heartbeat>,
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
    pub(super) number: usize,
    pub(super) name: PathBuf,
    pub(super) scope: WatchScope,
    pub(super) pending: PendingScans,
    pub(super) exports: Exports,
    pub(super) series: Series,
    pub(super) ids: ScanIds,
    pub(super) ledger: Weak<Mutex<Ledger>>,
    pub(super) rescan: Duration,
    /// Polling interval; `None` if change events are used.
    pub(super) poll: Option<Duration>,
    /// Whether polling was configured, so that the root's file system does not matter.
    pub(super) poll_configured: bool,
    pub(super) requests: Receiver<Request>,
    pub(super) reports: Sender<Report>,
    pub(super) hints: (Sender<Hint>, Receiver<Hint>),
    pub(super) missed: Arc<AtomicBool>,
    pub(super) native: Option<RecommendedWatcher>,
    /// Identity of the root folder while it is reachable.
    pub(super) root: Option<FileId>,
    pub(super) next_probe: Instant,
    pub(super) next_walk: Instant,
    /// Number of the last request for a walk.
    pub(super) requested_walk: u64,
    /// Instances that were checked and whose series must be looked at.
    pub(super) instances: BTreeSet<PathBuf>,
    /// Exports whose images have changed and that must be looked at.
    pub(super) changed_exports: BTreeSet<PathBuf>,
    /// Number of the current or last walk.
    pub(super) walks: u64,
    /// Folders that have just appeared.
    pub(super) new_folders: HashSet<PathBuf>,
    /// Unreadable folders that were reported already.
    pub(super) unreadable: HashSet<PathBuf>,
    /// Files of the first walk that are no scans; `None` once they are reported.
    pub(super) passed_by: Option<usize>,
    /// Whether it was said that folders with results are passed by.
    pub(super) has_told_of_results: bool,
    pub(super) heartbeat: Arc<Heartbeat>,
    /// Whether the last walk failed because resources were missing.
    pub(super) lacks_resources: bool,
}

impl Watcher {
    pub(crate) fn new(root: WatchedRoot, shared: Shared, requests: Receiver<Request>) -> Self {
        let WatchedRoot { number, name, scope, rescan, poll, pending, heartbeat } = root;
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
            requested_walk: 0,
            instances: BTreeSet::new(),
            changed_exports: BTreeSet::new(),
            walks: 0,
            new_folders: HashSet::new(),
            unreadable: HashSet::new(),
            passed_by: Some(0),
            has_told_of_results: false,
            heartbeat,
            lacks_resources: false,
        }
    }

    /// Watches until the engine stops.
    pub(crate) fn run(mut self) {
        let _: Result<(), Stopped> = self.watch();
    }

    fn watch(&mut self) -> Result<(), Stopped> {
        self.subscribe()?;
        loop {
            self.heartbeat.beat();
            if self.next_probe <= Instant::now() {
                self.probe()?;
            }
            if self.missed.swap(false, Ordering::Relaxed) {
                self.next_walk = Instant::now();
            }
            if self.root.is_some() && self.next_walk <= Instant::now() {
                let (start, requested) = (Instant::now(), self.requested_walk);
                let is_complete = self.walk(&PathBuf::new())?;
                // Unless another walk was requested meanwhile.
                if self.next_walk <= start {
                    self.next_walk = Instant::now() + self.interval();
                }
                if is_complete {
                    self.report_passed_by()?;
                    self.series.forget_missing_folders(self.scope.root());
                    self.report(Finding::Walked(requested))?;
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
    pub(super) fn interval(&self) -> Duration {
        match (self.poll, &self.native) {
            (Some(poll), _) => poll,
            (None, Some(_)) => self.rescan,
            (None, None) => self.rescan.min(FALLBACK_POLL),
        }
    }

    pub(super) fn on_request(&mut self, request: Request) -> Result<(), Stopped> {
        match request {
            Request::Check(name) => match name.strip_prefix(&self.name) {
                // The file may be out of scope.
                Ok(path)
                    if self.is_file_or_gone(path) && self.scope.is_scan(path) && !self.scope.is_among_results(path) =>
                {
                    self.inspect_scan(path.to_owned())?;
                }
                _ => {}
            },
            Request::Walk(number) => {
                self.requested_walk = number;
                self.next_walk = Instant::now();
            }
            Request::Wake => {}
        }
        Ok(())
    }

    /// Whether a look into what is at `path` below the root does not block, as it would with a pipe.
    fn is_file_or_gone(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.scope.root().join(path)).map_or(true, |found| found.is_file())
    }

    pub(super) fn on_hint(&mut self, hint: Hint) -> Result<(), Stopped> {
        match hint {
            Hint::Missed => self.next_walk = Instant::now(),
            Hint::Failed(problem) if self.native.is_some() => self.fall_back(&problem)?,
            Hint::Failed(_) => {}
            Hint::Path(path) if path == self.scope.root() => self.probe()?,
            Hint::Path(path) => {
                let Some(path) = self.scope.affected_file(&path) else { return Ok(()) };
                if self.scope.is_among_results(&path) {
                    return Ok(());
                }
                let place = self.scope.root().join(&path);
                if fs::symlink_metadata(&place).is_ok_and(|found| found.is_dir()) {
                    if !holds_results(&place) {
                        self.new_folders.insert(path);
                    }
                    return Ok(());
                }
                if self.is_file_or_gone(&path) && self.scope.is_scan(&path) {
                    let at = Instant::now();
                    self.inspect(path)?;
                    self.sight_scans(at)?;
                }
            }
        }
        Ok(())
    }

    /// Path below the root of a file in it.
    pub(super) fn below(&self, file: &Path) -> PathBuf {
        file.strip_prefix(self.scope.root()).map(Path::to_owned).unwrap_or_default()
    }

    /// Name of a scan in the root.
    pub(super) fn name_of(&self, file: &Path) -> PathBuf {
        self.name.join(self.below(file))
    }

    pub(super) fn report(&self, finding: Finding) -> Result<(), Stopped> {
        self.reports.send(Report { root: self.number, finding }).map_err(|_| Stopped)
    }
}
