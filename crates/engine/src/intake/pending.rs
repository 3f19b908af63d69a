//! The unfinished scans of one root.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{candidates::Candidates, stamp::Stamp};
use crate::ScanId;

/// The unfinished scans of one root: those that may still be growing, and those that the scheduler has. The root's
/// watcher and the scheduler share them, so that a scan is always in exactly one of the two groups. Only while a scan
/// returns from quarantine, a file may be growing at a path that the scheduler has.
#[derive(Clone, Debug)]
pub(crate) struct PendingScans(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    candidates: Candidates,
    /// Paths of scans that the scheduler has: reported as ready, queued or running.
    scheduled: HashSet<PathBuf>,
    /// Files just moved to quarantine, and when; a check from before the move may still be in progress.
    moved: HashMap<PathBuf, Instant>,
}

/// What a check of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// The file is no pending scan yet.
    New,
    /// The scan is pending already; there is nothing to do.
    Known,
    /// The file stopped changing. From now on the scheduler has the scan.
    Ready(ScanId),
}

impl PendingScans {
    /// No scans. A file must stay unchanged for `window`.
    pub(crate) fn new(window: Duration) -> Self {
        let candidates = Candidates::new(window);
        Self(Arc::new(Mutex::new(Inner { candidates, scheduled: HashSet::new(), moved: HashMap::new() })))
    }

    /// Changes the time a file must stay unchanged.
    pub(crate) fn set_window(&self, window: Duration) {
        self.lock().candidates.set_window(window);
    }

    /// Number of unfinished scans.
    pub(crate) fn len(&self) -> usize {
        let inner = self.lock();
        inner.candidates.len() + inner.scheduled.len()
    }

    /// Records that `path` had `stamp` at the time `at`.
    pub(crate) fn sighted(&self, path: &Path, stamp: Stamp, at: Instant) -> Sighting {
        let mut inner = self.lock();
        // Later checks cannot have begun before these moves.
        inner.moved.retain(|_, when| *when >= at);
        if inner.scheduled.contains(path) || inner.moved.contains_key(path) {
            return Sighting::Known;
        }
        if !inner.candidates.contains(path) {
            return Sighting::New;
        }
        let Some(id) = inner.candidates.observe(path, stamp, at) else { return Sighting::Known };
        inner.scheduled.insert(path.to_owned());
        Sighting::Ready(id)
    }

    /// Adds a file that may still be growing and had `stamp` at the time `at`. Returns false if the scheduler has it.
    pub(crate) fn add(&self, id: ScanId, path: PathBuf, stamp: Stamp, at: Instant) -> bool {
        let mut inner = self.lock();
        let is_free = !inner.scheduled.contains(&path);
        if is_free {
            inner.candidates.insert(id, path, stamp, at);
        }
        is_free
    }

    /// Takes a scan back from the scheduler, because its file has changed. It must stop changing again.
    pub(crate) fn take_back(&self, id: ScanId, path: PathBuf, stamp: Stamp, at: Instant) {
        let mut inner = self.lock();
        inner.scheduled.remove(&path);
        inner.candidates.insert(id, path, stamp, at);
    }

    /// Id of a file that may still be growing.
    pub(crate) fn candidate(&self, path: &Path) -> Option<ScanId> {
        self.lock().candidates.id(path)
    }

    /// Forgets a file that was still growing.
    pub(crate) fn remove_candidate(&self, path: &Path) {
        self.lock().candidates.remove(path);
    }

    /// When the next check is due.
    pub(crate) fn next_check(&self) -> Option<Instant> {
        self.lock().candidates.next_check()
    }

    /// The next file to check, if it is due by `now`.
    pub(crate) fn take_due(&self, now: Instant) -> Option<PathBuf> {
        self.lock().candidates.take_due(now)
    }

    /// Gives `path` to the scheduler for a scan that may return there; returns false if the scheduler has it already.
    /// A file that is still growing there stays, but nothing changes until [`replace_candidate`](Self::replace_candidate)
    /// removes it or [`finish`](Self::finish) gives the path back.
    pub(crate) fn reserve(&self, path: &Path) -> bool {
        self.lock().scheduled.insert(path.to_owned())
    }

    /// Forgets a file that was still growing at `path`, because the scheduler's scan has taken its place; returns its id.
    pub(crate) fn replace_candidate(&self, path: &Path) -> Option<ScanId> {
        self.lock().candidates.remove(path)
    }

    /// Records that the scheduler is done with the scan at `path`.
    pub(crate) fn finish(&self, path: &Path) {
        self.lock().scheduled.remove(path);
    }

    /// Records that the scheduler is done with the scan at `path`, whose file has been moved away.
    pub(crate) fn finish_moved(&self, path: &Path) {
        let mut inner = self.lock();
        inner.scheduled.remove(path);
        inner.moved.insert(path.to_owned(), Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is a single step, so a panic leaves no partial state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::stamp::{FileStamp, Patience};

    const WINDOW: Duration = Duration::from_secs(5);
    const STAMP: Stamp =
        Stamp { scan: FileStamp { bytes: 1, modified_ns: 1, change: 0 }, sidecar: None, patience: Patience::Usual };

    #[test]
    fn a_scan_goes_to_the_scheduler_and_back() {
        let (pending, path, start) = (PendingScans::new(WINDOW), Path::new("a.png"), Instant::now());
        assert_eq!(pending.sighted(path, STAMP, start), Sighting::New);
        assert!(pending.add(ScanId(1), path.to_owned(), STAMP, start));
        assert_eq!(pending.sighted(path, STAMP, start), Sighting::Known);
        assert_eq!(pending.sighted(path, STAMP, start + WINDOW), Sighting::Ready(ScanId(1)));
        assert_eq!(pending.sighted(path, STAMP, start + WINDOW), Sighting::Known);
        assert!(!pending.add(ScanId(2), path.to_owned(), STAMP, start), "the scheduler has it");
        assert_eq!(pending.len(), 1);
        pending.take_back(ScanId(1), path.to_owned(), STAMP, start + WINDOW);
        assert_eq!(pending.sighted(path, STAMP, start + 2 * WINDOW), Sighting::Ready(ScanId(1)));
        pending.finish(path);
        assert_eq!(pending.len(), 0);
        assert_eq!(pending.sighted(path, STAMP, start), Sighting::New);
    }

    #[test]
    fn a_growing_file_waits_while_its_path_is_reserved() {
        let (pending, path, start) = (PendingScans::new(WINDOW), Path::new("a.png"), Instant::now());
        assert!(pending.add(ScanId(1), path.to_owned(), STAMP, start));
        assert!(pending.reserve(path) && !pending.reserve(path));
        assert_eq!(pending.sighted(path, STAMP, start + WINDOW), Sighting::Known);
        pending.finish(path);
        assert_eq!(pending.len(), 1);
        assert_eq!(pending.sighted(path, STAMP, start + WINDOW), Sighting::Ready(ScanId(1)));
        pending.finish(path);
        assert!(pending.add(ScanId(2), path.to_owned(), STAMP, start));
        assert!(pending.reserve(path));
        assert_eq!(pending.replace_candidate(path), Some(ScanId(2)));
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn a_check_from_before_a_move_finds_nothing_new() {
        let (pending, path, before) = (PendingScans::new(WINDOW), Path::new("a.png"), Instant::now());
        assert!(pending.reserve(path));
        pending.finish_moved(path);
        assert_eq!(pending.sighted(path, STAMP, before), Sighting::Known);
        assert_eq!(pending.sighted(path, STAMP, Instant::now() + WINDOW), Sighting::New);
    }
}
