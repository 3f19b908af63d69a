//! Settings of the engine.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What the engine watches, where it writes results, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Watched folders. They must exist at the start and may disappear and return later. If there are several, each has
    /// its own results folder.
    pub roots: Vec<PathBuf>,
    /// The results folder. It may lie below a root (it is then not watched), but must not be or contain one.
    pub out: PathBuf,
    /// Glob patterns of scans to process; all if empty. A pattern with `/` matches the path below the root, any other
    /// the name.
    pub include: Vec<String>,
    /// Glob patterns of files and folders to ignore.
    pub exclude: Vec<String>,
    /// How long the size and modification time of a file must stay unchanged before it is processed.
    pub stability: Duration,
    /// Interval of full walks through a root, in addition to change events.
    pub rescan: Duration,
    /// Polling interval, used instead of change events: network shares send none and report no error either. If `None`,
    /// roots on known network file systems are polled every ten seconds.
    pub poll: Option<Duration>,
    /// Polling intervals of single roots; they override `poll`.
    pub poll_roots: Vec<(PathBuf, Duration)>,
    /// Number of scans processed at once, at least one.
    pub workers: usize,
    /// Number of attempts before a scan is quarantined, at least one.
    pub attempts: u32,
    /// Delay before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// Time limit of a scan. A scan that exceeds it fails, and a thread that does not stop is abandoned.
    pub timeout: Option<Duration>,
    /// Size limit of a file in bytes; larger files fail without being read.
    pub max_bytes: u64,
    /// Bytes that must be free for results; with less, no new scan starts.
    pub min_free: u64,
    /// Whether a scan that failed for good is moved to quarantine. If not, it stays in place and only the reason is noted
    /// there. The files of a DICOM series always stay.
    pub move_failed: bool,
    /// How long results are kept; `None` means forever. Scans and files of others are never removed.
    pub keep: Option<Duration>,
    /// Stop when everything in the roots is processed.
    pub until_idle: bool,
}

impl EngineOptions {
    /// Default settings for watching `root`: no time limit, no required free space, results kept forever.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            roots: vec![root.into()],
            out: out.into(),
            include: Vec::new(),
            exclude: Vec::new(),
            stability: Duration::from_secs(5),
            rescan: Duration::from_mins(1),
            poll: None,
            poll_roots: Vec::new(),
            workers: 1,
            attempts: 3,
            backoff: Duration::from_secs(10),
            timeout: None,
            max_bytes: u64::MAX,
            min_free: 0,
            move_failed: true,
            keep: None,
            until_idle: false,
        }
    }

    /// Polling interval of the root at the canonical `path`; `None` if not set.
    pub(super) fn poll_of(&self, path: &Path) -> Option<Duration> {
        let own = self.poll_roots.iter().find(|(root, _)| root == path);
        own.map(|(_, every)| *every).or(self.poll)
    }

    /// Delay after the given failed attempt, counted from 1.
    pub(super) fn backoff_after(&self, attempt: u32) -> Duration {
        const MAX_DOUBLINGS: u32 = 8;
        self.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(MAX_DOUBLINGS))
    }
}

/// Settings that can change while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// See [`EngineOptions::stability`]. Files already being checked keep the time of their next check.
    pub stability: Duration,
    /// See [`EngineOptions::attempts`].
    pub attempts: u32,
}

/// Facts about the model, for readers of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// Name of the model.
    pub name: String,
    /// SHA-256 of the model file, in hexadecimal.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_and_stays_bounded() {
        let options = EngineOptions { backoff: Duration::from_secs(10), ..EngineOptions::new("in", "out") };
        assert_eq!(options.backoff_after(1), Duration::from_secs(10));
        assert_eq!(options.backoff_after(3), Duration::from_secs(40));
        assert_eq!(options.backoff_after(1000), Duration::from_secs(2560));
    }
}
