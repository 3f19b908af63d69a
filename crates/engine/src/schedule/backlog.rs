//! Queued scans: ready, delayed before a retry, or parked until a worker finishes the same content.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};

use jiff::Timestamp;
use octrls_readers::ScanFiles;

use crate::{ScanId, intake::stamp::Stamp, work::content::Content};

/// A scan that stopped changing and is queued or running.
#[derive(Clone, Debug)]
pub(crate) struct QueuedScan {
    pub(crate) id: ScanId,
    /// Name of the scan: its path below the root.
    pub(crate) path: PathBuf,
    /// Its files when it stopped changing. Shared, because a series may have thousands.
    pub(crate) files: Arc<ScanFiles>,
    /// The stamp when the file stopped changing.
    pub(crate) stamp: Stamp,
    /// When the file was queued.
    pub(crate) queued: Timestamp,
    /// How often it was put off because its file may still be growing.
    pub(crate) waits: u32,
}

/// How often a scan is put off for its file to grow, unless a program is known to have it open.
pub(crate) const MOST_WAITS: u32 = 4;

/// The queued tasks, oldest file first.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    ready: BTreeMap<(i64, ScanId), QueuedScan>,
    delayed: BTreeMap<(Instant, ScanId), QueuedScan>,
    parked: Vec<(Content, QueuedScan)>,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.ready.len() + self.delayed.len() + self.parked.len()
    }

    pub(crate) fn push(&mut self, task: QueuedScan) {
        self.ready.insert((task.stamp.scan.modified_ns, task.id), task);
    }

    /// Removes and returns the first task that `may_start`.
    pub(crate) fn pop(&mut self, may_start: impl Fn(&QueuedScan) -> bool) -> Option<QueuedScan> {
        let key = self.ready.iter().find(|(_, task)| may_start(task)).map(|(key, _)| *key)?;
        self.ready.remove(&key)
    }

    /// Delays `task` until `until`.
    pub(crate) fn delay(&mut self, task: QueuedScan, until: Instant) {
        self.delayed.insert((until, task.id), task);
    }

    /// When the next delay ends.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((until, _), _)| *until)
    }

    /// Makes tasks ready whose delay has ended.
    pub(crate) fn release_delayed(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let task = entry.remove();
            self.push(task);
        }
    }

    /// Parks `task` until a worker finishes the same content.
    pub(crate) fn park(&mut self, content: Content, task: QueuedScan) {
        self.parked.push((content, task));
    }

    /// Makes tasks ready that were parked for `content`.
    pub(crate) fn release_parked(&mut self, content: &Content) {
        let (released, parked) =
            std::mem::take(&mut self.parked).into_iter().partition(|(parked, _)| parked == content);
        self.parked = parked;
        let released: Vec<(Content, QueuedScan)> = released;
        for (_, task) in released {
            self.push(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::intake::stamp::{FileStamp, Patience};

    fn task(id: u64, modified_ns: i64) -> QueuedScan {
        let scan = FileStamp { bytes: 1, modified_ns, change: 0 };
        let stamp = Stamp { scan, sidecar: None, patience: Patience::Usual };
        let path = PathBuf::from(format!("{id}.png"));
        let files = Arc::new(ScanFiles::one(&path));
        QueuedScan { id: ScanId(id), files, path, stamp, queued: Timestamp::UNIX_EPOCH, waits: 0 }
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
    fn delayed_and_parked_tasks_return() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        let content = Content::of_key("x");
        backlog.delay(task(1, 1), now + Duration::from_secs(1));
        backlog.park(content.clone(), task(2, 2));
        backlog.release_delayed(now);
        assert!(backlog.pop(|_| true).is_none());
        backlog.release_delayed(now + Duration::from_secs(1));
        assert_eq!(backlog.pop(|_| false).map(|task| task.id), None);
        assert_eq!(backlog.pop(|_| true).map(|task| task.id), Some(ScanId(1)));
        backlog.release_parked(&content);
        assert_eq!(backlog.pop(|_| true).map(|task| task.id), Some(ScanId(2)));
        assert_eq!(backlog.len(), 0);
    }
}
