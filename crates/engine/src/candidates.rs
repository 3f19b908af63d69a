//! Files that were found but may still be growing.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    ScanId,
    stamp::{FileStamp, Stamp},
};

/// An empty file gets this many windows, since its writer has usually not begun.
const WINDOWS_FOR_EMPTY: u32 = 12;

/// A series gets this many windows without change, so that further instances can arrive.
const WINDOWS_FOR_SERIES: u32 = 3;

/// The files that are checked for changes.
///
/// Times come from a monotonic clock, so that setting the system clock has no effect.
#[derive(Debug)]
pub(super) struct Candidates {
    window: Duration,
    entries: HashMap<PathBuf, Candidate>,
    /// When to check which file again.
    agenda: BTreeMap<(Instant, ScanId), PathBuf>,
}

#[derive(Debug)]
struct Candidate {
    id: ScanId,
    stamp: Stamp,
    still_since: Instant,
    next_look: Instant,
}

impl Candidates {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, entries: HashMap::new(), agenda: BTreeMap::new() }
    }

    /// Changes the time a file must stay unchanged.
    pub(super) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.entries.contains_key(path)
    }

    /// Adds `path`, which had `stamp` at the time `at`.
    pub(super) fn insert(&mut self, id: ScanId, path: PathBuf, stamp: Stamp, at: Instant) {
        self.remove(&path);
        let next_look = at + self.window;
        self.agenda.insert((next_look, id), path.clone());
        self.entries.insert(path, Candidate { id, stamp, still_since: at, next_look });
    }

    /// Records that `path` had `stamp` at the time `at`. Removes the file and returns its id once it has been unchanged
    /// long enough.
    pub(super) fn observe(&mut self, path: &Path, stamp: Stamp, at: Instant) -> Option<ScanId> {
        let candidate = self.entries.get_mut(path)?;
        if candidate.stamp != stamp {
            candidate.stamp = stamp;
            candidate.still_since = at;
        }
        let windows = match stamp {
            Stamp { scan: FileStamp { bytes: 0, .. }, .. } => WINDOWS_FOR_EMPTY,
            Stamp { of_series: true, .. } => WINDOWS_FOR_SERIES,
            _ => 1,
        };
        let patience = self.window * windows;
        if at.saturating_duration_since(candidate.still_since) >= patience {
            return self.remove(path);
        }
        let id = candidate.id;
        let earlier = std::mem::replace(&mut candidate.next_look, candidate.still_since + patience);
        let next_look = candidate.next_look;
        if let Some(path) = self.agenda.remove(&(earlier, id)) {
            self.agenda.insert((next_look, id), path);
        }
        None
    }

    /// Removes `path`.
    pub(super) fn remove(&mut self, path: &Path) -> Option<ScanId> {
        let candidate = self.entries.remove(path)?;
        self.agenda.remove(&(candidate.next_look, candidate.id));
        Some(candidate.id)
    }

    /// When the next check is due.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next file to check, if it is due by `now`. It comes up again one window later unless it is observed before.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<PathBuf> {
        let due = self.agenda.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, id), path) = due.remove_entry();
        let again = now + self.window.max(Duration::from_millis(10));
        if let Some(candidate) = self.entries.get_mut(&path) {
            candidate.next_look = again;
        }
        self.agenda.insert((again, id), path.clone());
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);

    fn stamp(bytes: u64, modified_ns: i64) -> Stamp {
        Stamp { scan: FileStamp { bytes, modified_ns }, sidecar: None, of_series: false }
    }

    /// Feeds observations `(second, bytes, mtime)` and returns the second at which the file is taken.
    fn taken_at(looks: &[(u64, u64, i64)]) -> Option<u64> {
        let (start, path) = (Instant::now(), Path::new("a.png"));
        let mut candidates = Candidates::new(WINDOW);
        let (_, bytes, mtime) = looks[0];
        candidates.insert(ScanId(1), path.into(), stamp(bytes, mtime), start);
        let taken = looks[1..].iter().find(|(second, bytes, mtime)| {
            candidates.observe(path, stamp(*bytes, *mtime), start + Duration::from_secs(*second)).is_some()
        });
        assert_eq!(candidates.len(), usize::from(taken.is_none()));
        assert_eq!(candidates.agenda.len(), candidates.len());
        taken.map(|look| look.0)
    }

    #[test]
    fn a_file_is_taken_once_it_stood_still() {
        assert_eq!(taken_at(&[(0, 9, 1), (3, 9, 1), (5, 9, 1)]), Some(5));
        assert_eq!(taken_at(&[(0, 9, 1), (4, 10, 2), (6, 10, 2), (9, 10, 2)]), Some(9), "it grew");
        assert_eq!(taken_at(&[(0, 9, 1), (5, 9, 2), (9, 9, 2)]), None, "it was rewritten in place");
        assert_eq!(taken_at(&[(0, 9, 5), (4, 9, 1), (9, 9, 1)]), Some(9), "its time went backwards");
    }

    #[test]
    fn an_empty_file_gets_more_time() {
        assert_eq!(taken_at(&[(0, 0, 1), (30, 0, 1), (59, 0, 1), (60, 0, 1)]), Some(60));
        assert_eq!(taken_at(&[(0, 0, 1), (30, 7, 2), (35, 7, 2)]), Some(35));
    }

    #[test]
    fn a_series_gets_more_time() {
        let (start, path) = (Instant::now(), Path::new("a.dcm"));
        let of = |bytes| Stamp { of_series: true, ..stamp(bytes, 1) };
        let mut candidates = Candidates::new(WINDOW);
        candidates.insert(ScanId(1), path.into(), of(1), start);
        let mut taken =
            |second, bytes| candidates.observe(path, of(bytes), start + Duration::from_secs(second)).is_some();
        assert!(!taken(5, 1) && !taken(14, 2) && !taken(28, 2) && taken(29, 2));
    }

    #[test]
    fn looks_come_due_and_come_again() {
        let (start, path) = (Instant::now(), PathBuf::from("a.png"));
        let mut candidates = Candidates::new(WINDOW);
        candidates.insert(ScanId(1), path.clone(), stamp(1, 1), start);
        assert_eq!(candidates.take_due(start), None);
        assert_eq!(candidates.take_due(start + WINDOW), Some(path.clone()));
        assert_eq!(candidates.take_due(start + WINDOW), None);
        assert_eq!(candidates.take_due(start + 2 * WINDOW), Some(path));
    }
}
