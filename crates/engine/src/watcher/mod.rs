//! Watches a root: change events serve as hints, and full walks make sure that nothing is missed.
//!
//! Only this thread touches the root before a worker does, so that a hanging share blocks nothing else.

mod inspect;

use octrls_core::ErrorCode;
use std::{
    collections::{BTreeSet, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};
use notify::{
    Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use walkdir::WalkDir;

use super::{Level, exports::Exports, series::Series, stamp::Stamp, watch_scope::WatchScope};
use octrls_fs::{mounts::Mount, platform::FileId};
use octrls_readers::may_have_parts;

/// Time between two checks of whether the root is reachable.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Time between two walks if the system cannot send events.
const FALLBACK_POLL: Duration = Duration::from_secs(10);

/// Time between two walks of a network share, which sends no events and reports no error.
const SHARE_POLL: Duration = Duration::from_secs(10);

/// Capacity of the hint channel; if it overflows, a walk is cheaper.
const HINTS: usize = 4096;

/// A request to the watcher.
#[derive(Debug)]
pub(super) enum Request {
    /// Check the scan with this name.
    Look(PathBuf),
    /// Walk through the whole root now.
    Walk,
}

/// A watcher's finding and its root.
#[derive(Debug)]
pub(super) struct Report {
    /// Index of the root.
    pub(super) root: usize,
    pub(super) found: Finding,
}

/// What a watcher found. Paths are names of scans.
#[derive(Debug)]
pub(super) enum Finding {
    /// A scan was at `path` at the time `at`.
    Sighted { path: PathBuf, stamp: Stamp, at: Instant },
    /// There is no scan at this path.
    Gone(PathBuf),
    /// The root became unreachable (`false`) or reachable (`true`).
    Root(bool),
    /// A walk has reported all scans in the root.
    Walked,
    /// A message to the operator.
    Notice(Level, ErrorCode, String),
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

pub(super) struct Watcher {
    /// Index of the root.
    number: usize,
    /// First part of the names of its scans.
    name: PathBuf,
    territory: WatchScope,
    rescan: Duration,
    /// Polling interval; `None` if change events are used.
    poll: Option<Duration>,
    /// Whether polling was configured, so that the root's file system does not matter.
    poll_asked: bool,
    requests: Receiver<Request>,
    reports: Sender<Report>,
    hints: (Sender<Hint>, Receiver<Hint>),
    missed: Arc<AtomicBool>,
    native: Option<RecommendedWatcher>,
    /// Identity of the root folder while it is reachable.
    root: Option<FileId>,
    next_probe: Instant,
    next_walk: Instant,
    exports: Exports,
    series: Series,
    /// Instances that were checked and whose series must be reported.
    instances: BTreeSet<PathBuf>,
    /// Number of the current or last walk.
    walks: u64,
    /// Folders that have just appeared.
    fresh: HashSet<PathBuf>,
    /// Unreadable folders that were reported already.
    unreadable: HashSet<PathBuf>,
}

impl Watcher {
    pub(super) fn new(
        (number, name): (usize, PathBuf),
        territory: WatchScope,
        (rescan, poll): (Duration, Option<Duration>),
        (exports, series): (Exports, Series),
        requests: Receiver<Request>,
        reports: Sender<Report>,
    ) -> Self {
        let now = Instant::now();
        let root = identity(territory.root()).ok();
        Self {
            number,
            name,
            territory,
            rescan,
            poll,
            poll_asked: poll.is_some(),
            requests,
            reports,
            hints: bounded(HINTS),
            missed: Arc::default(),
            native: None,
            root,
            next_probe: now,
            next_walk: now,
            exports,
            series,
            instances: BTreeSet::new(),
            walks: 0,
            fresh: HashSet::new(),
            unreadable: HashSet::new(),
        }
    }

    /// Watches until the engine stops.
    pub(super) fn run(mut self) {
        let _: Result<(), Stopped> = self.watch();
    }

    fn watch(&mut self) -> Result<(), Stopped> {
        self.arm()?;
        loop {
            if self.next_probe <= Instant::now() {
                self.probe()?;
            }
            if self.missed.swap(false, Ordering::Relaxed) {
                self.next_walk = Instant::now();
            }
            if self.root.is_some() && self.next_walk <= Instant::now() {
                let begun = Instant::now();
                let whole = self.walk(&PathBuf::new())?;
                // Unless another walk was requested meanwhile.
                if self.next_walk <= begun {
                    self.next_walk = Instant::now() + self.interval();
                }
                if whole {
                    self.series.tidy(self.territory.root());
                    self.report(Finding::Walked)?;
                }
            }
            for folder in std::mem::take(&mut self.fresh) {
                self.walk(&folder)?;
            }
            let next = if self.root.is_some() { self.next_probe.min(self.next_walk) } else { self.next_probe };
            select! {
                recv(self.requests) -> request => self.serve(request.map_err(|_| Stopped)?)?,
                recv(self.hints.1) -> hint => if let Ok(hint) = hint { self.heed(hint)? },
                default(next.saturating_duration_since(Instant::now())) => {}
            }
        }
    }

    fn interval(&self) -> Duration {
        match (self.poll, &self.native) {
            (Some(poll), _) => poll,
            (None, Some(_)) => self.rescan,
            (None, None) => self.rescan.min(FALLBACK_POLL),
        }
    }

    /// Subscribes to change events, unless polling is configured.
    fn arm(&mut self) -> Result<(), Stopped> {
        self.native = None;
        if self.root.is_none() {
            return Ok(());
        }
        if !self.poll_asked {
            self.find_share()?;
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
        let armed = RecommendedWatcher::new(on_event, config).and_then(|mut native| {
            native.watch(self.territory.root(), RecursiveMode::Recursive)?;
            Ok(native)
        });
        match armed {
            Ok(native) => self.native = Some(native),
            Err(error) => self.fall_back(&error.to_string())?,
        }
        Ok(())
    }

    /// Polls the root if it is a share. A share may be mounted long after the start.
    fn find_share(&mut self) -> Result<(), Stopped> {
        let Some(share) = Mount::of(self.territory.root()).filter(Mount::is_share) else {
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
        let before = std::mem::replace(&mut self.root, identity(self.territory.root()).ok());
        if before == self.root {
            return Ok(());
        }
        // Events of the old folder, or of the mount point below a share, say nothing about the new one.
        self.arm()?;
        self.next_walk = Instant::now();
        if before.is_some() && self.root.is_some() {
            let text = "another folder has replaced the watched one; check whether a share was mounted or unmounted";
            return self.report(Finding::Notice(Level::Warning, ErrorCode::WatchReplaced, text.into()));
        }
        self.report(Finding::Root(self.root.is_some()))
    }

    fn serve(&mut self, request: Request) -> Result<(), Stopped> {
        match request {
            Request::Look(name) => match name.strip_prefix(&self.name) {
                // The file may be out of scope.
                Ok(path) if self.territory.is_scan(path) => self.look(path.to_owned()),
                _ => self.report(Finding::Gone(name)),
            },
            Request::Walk => {
                self.next_walk = Instant::now();
                Ok(())
            }
        }
    }

    fn heed(&mut self, hint: Hint) -> Result<(), Stopped> {
        match hint {
            Hint::Missed => self.next_walk = Instant::now(),
            Hint::Failed(problem) if self.native.is_some() => self.fall_back(&problem)?,
            Hint::Failed(_) => {}
            Hint::Path(path) if path == self.territory.root() => self.probe()?,
            Hint::Path(path) => {
                let Some(path) = self.territory.concerned(&path) else { return Ok(()) };
                if fs::symlink_metadata(self.territory.root().join(&path)).is_ok_and(|found| found.is_dir()) {
                    self.fresh.insert(path);
                } else if self.territory.is_scan(&path) {
                    let at = Instant::now();
                    self.see(path)?;
                    self.tell_series(at)?;
                }
            }
        }
        Ok(())
    }

    /// Reports all scans in a folder below the root; returns whether the folder could be walked.
    fn walk(&mut self, folder: &Path) -> Result<bool, Stopped> {
        let territory = self.territory.clone();
        let below = |path: &Path| path.strip_prefix(territory.root()).map(Path::to_owned).unwrap_or_default();
        self.walks += 1;
        // The files of a folder come together, before its subfolders.
        let mut within = None;
        let entries = WalkDir::new(territory.root().join(folder))
            .follow_links(false)
            // Exports come before the images that they list.
            .sort_by_key(|entry| (entry.file_type().is_dir(), !may_have_parts(entry.path())))
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || territory.admits(&below(entry.path())));
        for entry in entries {
            // Due checks must not wait for a long walk.
            while let Ok(request) = self.requests.try_recv() {
                self.serve(request)?;
            }
            while let Ok(hint) = self.hints.1.try_recv() {
                self.heed(hint)?;
            }
            match entry {
                Ok(entry) => {
                    let path = below(entry.path());
                    if entry.file_type().is_file() && entry.path().parent() != within.as_deref() {
                        self.leave(within)?;
                        within = entry.path().parent().map(Path::to_owned);
                    }
                    if entry.file_type().is_file() && territory.is_scan(&path) {
                        self.see(path)?;
                    }
                }
                Err(error) if error.depth() == 0 => {
                    self.probe()?;
                    return Ok(false);
                }
                Err(error) => self.tell_unreadable(&error)?,
            }
            if self.root.is_none() {
                return Ok(false);
            }
        }
        self.leave(within)?;
        Ok(true)
    }

    fn tell_unreadable(&mut self, error: &walkdir::Error) -> Result<(), Stopped> {
        let gone = error.io_error().is_some_and(|io| io.kind() == io::ErrorKind::NotFound);
        let path = error.path().and_then(|path| path.strip_prefix(self.territory.root()).ok()).unwrap_or(Path::new(""));
        if gone || !self.unreadable.insert(path.to_owned()) {
            return Ok(());
        }
        let cause = error.io_error().map(ToString::to_string).unwrap_or_default();
        let text = format!("cannot read the folder {}: {cause}", self.name.join(path).display());
        self.report(Finding::Notice(Level::Warning, ErrorCode::WatchUnreadable, text))
    }

    fn report(&self, found: Finding) -> Result<(), Stopped> {
        self.reports.send(Report { root: self.number, found }).map_err(|_| Stopped)
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
