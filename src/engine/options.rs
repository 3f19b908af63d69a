//! What an operator can set.

use std::{path::PathBuf, time::Duration};

/// What the engine watches, where it leaves results, and how patient it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// The watched folder; it must exist at the start and may go away and come back later.
    pub root: PathBuf,
    /// Where results go. It may lie below `root`, and is then not watched; it may neither be `root` nor hold it.
    pub out: PathBuf,
    /// How long size and modification time of a scan must stand still before it is taken.
    pub stability: Duration,
    /// Time from one walk through the whole root to the next, beside the events of the operating system.
    pub rescan: Duration,
    /// Walk this often and ask for no events: network shares send none, and no error either.
    pub poll: Option<Duration>,
    /// Scans worked on at once, at least one.
    pub workers: usize,
    /// Attempts before a scan goes to quarantine, at least one.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// Stop once everything in the root is processed instead of waiting for more.
    pub until_idle: bool,
}

impl EngineOptions {
    /// Usual settings for watching `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            out: out.into(),
            stability: Duration::from_secs(5),
            rescan: Duration::from_mins(1),
            poll: None,
            workers: 1,
            attempts: 3,
            backoff: Duration::from_secs(10),
            until_idle: false,
        }
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
