//! What an operator can set.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What the engine watches, where it leaves results, and how patient it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// The watched folders; they must exist at the start and may go away and come back later. Of several each has its results
    /// in a folder of its own name.
    pub roots: Vec<PathBuf>,
    /// Where results go. It may lie below a root, and is then not watched; it may neither be a root nor hold one.
    pub out: PathBuf,
    /// Patterns (globs) of the scans that are taken, by path below the root, or by name where they have no `/`; none: all.
    pub include: Vec<String>,
    /// Patterns of files and folders that are left alone.
    pub exclude: Vec<String>,
    /// How long size and modification time of a scan must stand still before it is taken.
    pub stability: Duration,
    /// Time from one walk through the whole root to the next, beside the events of the operating system.
    pub rescan: Duration,
    /// Walk this often and ask for no events: network shares send none, and no error either. Roots on file systems that are
    /// known to be such are walked every ten seconds where nothing is said.
    pub poll: Option<Duration>,
    /// The same for single roots, instead of what holds for all.
    pub poll_roots: Vec<(PathBuf, Duration)>,
    /// Scans worked on at once, at least one.
    pub workers: usize,
    /// Attempts before a scan goes to quarantine, at least one.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// How long a scan may take; after that it is given up, and a thread that does not let go of it is left behind.
    pub timeout: Option<Duration>,
    /// The largest file that is taken, in bytes; a larger one is given up without being read.
    pub max_bytes: u64,
    /// Bytes that must be free where results go; with less no further scan is begun.
    pub min_free: u64,
    /// How long results are kept; `None`: for ever. Scans, and what this engine did not write, are never removed.
    pub keep: Option<Duration>,
    /// Stop once everything in the root is processed instead of waiting for more.
    pub until_idle: bool,
}

impl EngineOptions {
    /// Usual settings for watching `root`: no limit of time or free space, and results that stay.
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
            keep: None,
            until_idle: false,
        }
    }

    /// How often the root at `path`, canonical, is walked instead of asking for events; `None` where nothing is said.
    pub(super) fn poll_of(&self, path: &Path) -> Option<Duration> {
        let own = self.poll_roots.iter().find(|(root, _)| root == path);
        own.map(|(_, every)| *every).or(self.poll)
    }

    /// The wait after the given failed attempt, 1 for the first.
    pub(super) fn backoff_after(&self, attempt: u32) -> Duration {
        const MAX_DOUBLINGS: u32 = 8;
        self.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(MAX_DOUBLINGS))
    }
}

/// Settings that can change while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// See [`EngineOptions::stability`]. Files that are being watched already keep the time of their next look.
    pub stability: Duration,
    /// See [`EngineOptions::attempts`].
    pub attempts: u32,
}

/// The model that the processor runs, for those who read the events.
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
