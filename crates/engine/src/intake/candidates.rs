//! Files that were found but may still be growing.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::stamp::{FileStamp, Patience, Stamp};
use crate::ScanId;

/// An empty file gets this many windows, since its writer has usually not begun. So does a scan that lists files which
/// have not arrived.
const WINDOWS_FOR_EMPTY: u32 = 12;

/// A series gets this many windows without change, so that further instances can arrive.
const WINDOWS_FOR_SERIES: u32 = 3;

/// The files that are checked for changes.
///
/// Times come from a monotonic clock, so that setting the system clock has no effect.
#[derive(Debug)]
pub(crate) struct Candidates {
    window: Duration,
    entries: HashMap<PathBuf, Candidate>,
    /// When to check which file again.
    checks: BTreeMap<(Instant, ScanId), PathBuf>,
}

#[derive(Debug)]
struct Candidate {
    id: ScanId,
    stamp: Stamp,
    unchanged_since: Instant,
    next_check: Instant,
}

impl Candidates {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, entries: HashMap::new(), checks: BTreeMap::new() }
    }

    /// Changes the time a file must stay unchanged.
    pub(crate) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.entries.contains_key(path)
    }

    /// Id of the file at `path`.
    pub(crate) fn id(&self, path: &Path) -> Option<ScanId> {
        self.entries.get(path).map(|candidate| candidate.id)
    }

    /// Adds `path`, which had `stamp` at the time `at`.
    pub(crate) fn insert(&mut self, id: ScanId, path: PathBuf, stamp: Stamp, at: Instant) {
        self.remove(&path);
        let next_check = at + self.window;
        self.checks.insert((next_check, id), path.clone());
        self.entries.insert(path, Candidate { id, stamp, unchanged_since: at, next_check });
    }

    /// Records that `path` had `stamp` at the time `at`. Removes the file and returns its id once it has been unchanged
    /// long enough.
    pub(crate) fn observe(&mut self, path: &Path, stamp: Stamp, at: Instant) -> Option<ScanId> {
        let candidate = self.entries.get_mut(path)?;
        if candidate.stamp != stamp {
            candidate.stamp = stamp;
            candidate.unchanged_since = at;
        }
        let windows = match stamp {
            Stamp { scan: FileStamp { bytes: 0, .. }, .. } | Stamp { patience: Patience::Incomplete, .. } => {
                WINDOWS_FOR_EMPTY
            }
            Stamp { patience: Patience::Series, .. } => WINDOWS_FOR_SERIES,
            Stamp { patience: Patience::Usual, .. } => 1,
        };
        let required = self.window * windows;
        if at.saturating_duration_since(candidate.unchanged_since) >= required {
            return self.remove(path);
        }
        let id = candidate.id;
        let earlier = std::mem::replace(&mut candidate.next_check, candidate.unchanged_since + required);
        let next_check = candidate.next_check;
        if let Some(path) = self.checks.remove(&(earlier, id)) {
            self.checks.insert((next_check, id), path);
        }
        None
    }

    /// Removes `path`.
    pub(crate) fn remove(&mut self, path: &Path) -> Option<ScanId> {
        let candidate = self.entries.remove(path)?;
        self.checks.remove(&(candidate.next_check, candidate.id));
        Some(candidate.id)
    }

    /// When the next check is due.
    pub(crate) fn next_check(&self) -> Option<Instant> {
        self.checks.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next file to check, if it is due by `now`. It comes up again one window later unless it is observed before.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PathBuf> {
        let due = self.checks.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, id), path) = due.remove_entry();
        let again = now + self.window.max(Duration::from_millis(10));
        if let Some(candidate) = self.entries.get_mut(&path) {
            candidate.next_check = again;
        }
        self.checks.insert((again, id), path.clone());
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);

    fn stamp(bytes: u64, modified_ns: i64) -> Stamp {
        let scan = FileStamp { bytes, modified_ns, change: 0 };
        Stamp { scan, sidecar: None, patience: Patience::Usual }
    }

    /// Feeds observations `(second, bytes, mtime)` and returns the second at which the file is ready.
    fn ready_at(observations: &[(u64, u64, i64)]) -> Option<u64> {
        let (start, path) = (Instant::now(), Path::new("a.png"));
        let mut candidates = Candidates::new(WINDOW);
        let (_, bytes, mtime) = observations[0];
        candidates.insert(ScanId(1), path.into(), stamp(bytes, mtime), start);
        let ready = observations[1..].iter().find(|(second, bytes, mtime)| {
            candidates.observe(path, stamp(*bytes, *mtime), start + Duration::from_secs(*second)).is_some()
        });
        assert_eq!(candidates.len(), usize::from(ready.is_none()));
        assert_eq!(candidates.checks.len(), candidates.len());
        ready.map(|observation| observation.0)
    }

    #[test]
    fn a_file_is_ready_when_it_stops_changing() {
        assert_eq!(ready_at(&[(0, 9, 1), (3, 9, 1), (5, 9, 1)]), Some(5));
        assert_eq!(ready_at(&[(0, 9, 1), (4, 10, 2), (6, 10, 2), (9, 10, 2)]), Some(9), "it grew");
        assert_eq!(ready_at(&[(0, 9, 1), (5, 9, 2), (9, 9, 2)]), None, "it was rewritten in place");
        assert_eq!(ready_at(&[(0, 9, 5), (4, 9, 1), (9, 9, 1)]), Some(9), "its time went backwards");
    }

    #[test]
    fn an_empty_file_gets_more_time() {
        assert_eq!(ready_at(&[(0, 0, 1), (30, 0, 1), (59, 0, 1), (60, 0, 1)]), Some(60));
        assert_eq!(ready_at(&[(0, 0, 1), (30, 7, 2), (35, 7, 2)]), Some(35));
    }

    #[test]
    fn a_series_gets_more_time() {
        let (start, path) = (Instant::now(), Path::new("a.dcm"));
        let instances = |bytes| Stamp { patience: Patience::Series, ..stamp(bytes, 1) };
        let mut candidates = Candidates::new(WINDOW);
        candidates.insert(ScanId(1), path.into(), instances(1), start);
        let mut ready =
            |second, bytes| candidates.observe(path, instances(bytes), start + Duration::from_secs(second)).is_some();
        assert!(!ready(5, 1) && !ready(14, 2) && !ready(28, 2) && ready(29, 2));
    }

    #[test]
    fn checks_become_due_repeatedly() {
        let (start, path) = (Instant::now(), PathBuf::from("a.png"));
        let mut candidates = Candidates::new(WINDOW);
        candidates.insert(ScanId(1), path.clone(), stamp(1, 1), start);
        assert_eq!(candidates.take_due(start), None);
        assert_eq!(candidates.take_due(start + WINDOW), Some(path.clone()));
        assert_eq!(candidates.take_due(start + WINDOW), None);
        assert_eq!(candidates.take_due(start + 2 * WINDOW), Some(path));
    }
}
