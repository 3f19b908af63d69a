//! Queued scans: ready, delayed before a retry, or parked until a worker finishes the same content.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use jiff::Timestamp;

use super::{ScanId, content::Content, stamp::Stamp};
use octrls_readers::ScanFiles;

/// A scan on its way through the engine.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: ScanId,
    /// Path below the root.
    pub(super) path: PathBuf,
    pub(super) files: ScanFiles,
    /// The stamp when the file stopped changing.
    pub(super) stamp: Stamp,
    /// When the file was queued.
    pub(super) queued: Timestamp,
}

/// The queued tasks, oldest file first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    ready: BTreeMap<(i64, ScanId), Task>,
    delayed: BTreeMap<(Instant, ScanId), Task>,
    parked: Vec<(Content, Task)>,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.delayed.len() + self.parked.len()
    }

    pub(super) fn push(&mut self, task: Task) {
        self.ready.insert((task.stamp.scan.modified_ns, task.id), task);
    }

    /// Removes and returns the first task that `may_go`.
    pub(super) fn pop(&mut self, may_go: impl Fn(&Task) -> bool) -> Option<Task> {
        let key = self.ready.iter().find(|(_, task)| may_go(task)).map(|(key, _)| *key)?;
        self.ready.remove(&key)
    }

    /// Delays `task` until `until`.
    pub(super) fn delay(&mut self, task: Task, until: Instant) {
        self.delayed.insert((until, task.id), task);
    }

    /// When the next delay ends.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((until, _), _)| *until)
    }

    /// Makes tasks ready whose delay has ended.
    pub(super) fn ripen(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let task = entry.remove();
            self.push(task);
        }
    }

    /// Parks `task` until a worker finishes the same content.
    pub(super) fn park(&mut self, content: Content, task: Task) {
        self.parked.push((content, task));
    }

    /// Makes tasks ready that were parked for `content`.
    pub(super) fn release(&mut self, content: &Content) {
        let (free, parked) = std::mem::take(&mut self.parked).into_iter().partition(|(parked, _)| parked == content);
        self.parked = parked;
        let free: Vec<(Content, Task)> = free;
        for (_, task) in free {
            self.push(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stamp::FileStamp;

    fn task(id: u64, modified_ns: i64) -> Task {
        let stamp = Stamp { scan: FileStamp { bytes: 1, modified_ns }, sidecar: None, of_series: false };
        let path = PathBuf::from(format!("{id}.png"));
        Task { id: ScanId(id), files: ScanFiles::one(&path), path, stamp, queued: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn the_oldest_file_comes_first() {
        let mut backlog = Backlog::default();
        for (id, modified_ns) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            backlog.push(task(id, modified_ns));
        }
        let order: Vec<u64> = std::iter::from_fn(|| backlog.pop(|_| true)).map(|task| task.id.0).collect();
        assert_eq!(order, [2, 4, 3, 1]);
    }

    #[test]
    fn held_back_tasks_return() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        let content = Content::named("x");
        backlog.delay(task(1, 1), now + Duration::from_secs(1));
        backlog.park(content.clone(), task(2, 2));
        backlog.ripen(now);
        assert!(backlog.pop(|_| true).is_none());
        backlog.ripen(now + Duration::from_secs(1));
        assert_eq!(backlog.pop(|_| false).map(|task| task.id), None);
        assert_eq!(backlog.pop(|_| true).map(|task| task.id), Some(ScanId(1)));
        backlog.release(&content);
        assert_eq!(backlog.pop(|_| true).map(|task| task.id), Some(ScanId(2)));
        assert_eq!(backlog.len(), 0);
    }
}
