//! Counts of scans by state.

use std::collections::HashMap;

use octrls_engine::{Event, EventKind, ScanChange, ScanId};

/// State of an unfinished scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Retrying,
}

/// Counts scans from the engine's events. Only unfinished scans take memory.
#[derive(Clone, Debug)]
pub(crate) struct ScanCounts {
    phases: HashMap<ScanId, Phase>,
    /// Finished scans since the start.
    pub(crate) done: u64,
    /// Failed scans since the start.
    pub(crate) quarantined: u64,
    /// Whether the watched folder is available.
    pub(crate) online: bool,
    pub(crate) paused: bool,
    pub(crate) draining: bool,
}

impl Default for ScanCounts {
    fn default() -> Self {
        Self { phases: HashMap::new(), done: 0, quarantined: 0, online: true, paused: false, draining: false }
    }
}

impl ScanCounts {
    pub(crate) fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Scan { id, change } => self.change(*id, change),
            EventKind::RootOnline(online) => self.online = *online,
            EventKind::Paused(paused) => self.paused = *paused,
            EventKind::Draining { .. } => self.draining = true,
            EventKind::Started(_) | EventKind::Notice { .. } | EventKind::Stopped(_) => {}
        }
    }

    fn change(&mut self, id: ScanId, change: &ScanChange) {
        let phase = match change {
            ScanChange::Seen { .. } | ScanChange::Queued => Phase::Waiting,
            ScanChange::Running { .. } => Phase::Running,
            ScanChange::Retrying { .. } => Phase::Retrying,
            ScanChange::Opened(_) | ScanChange::BScan(_) => return,
            ScanChange::AlreadyDone | ScanChange::Vanished | ScanChange::Done(_) | ScanChange::Quarantined { .. } => {
                self.done += u64::from(matches!(change, ScanChange::Done(_)));
                self.quarantined += u64::from(matches!(change, ScanChange::Quarantined { .. }));
                self.phases.remove(&id);
                return;
            }
        };
        self.phases.insert(id, phase);
    }

    fn count(&self, phase: Phase) -> usize {
        self.phases.values().filter(|p| **p == phase).count()
    }

    /// Number of scans seen or queued.
    pub(crate) fn waiting(&self) -> usize {
        self.count(Phase::Waiting)
    }

    /// Number of running scans.
    pub(crate) fn running(&self) -> usize {
        self.count(Phase::Running)
    }

    /// Number of scans that wait for their next attempt.
    pub(crate) fn retrying(&self) -> usize {
        self.count(Phase::Retrying)
    }

    /// State and counts in one line.
    pub(crate) fn status_line(&self) -> String {
        let state = match self {
            Self { draining: true, .. } => "stopping",
            Self { online: false, .. } => "offline, the watched folder is unavailable",
            Self { paused: true, .. } => "paused",
            _ => "watching",
        };
        let (waiting, running) = (self.waiting() + self.retrying(), self.running());
        format!("{state}: {running} running, {waiting} waiting, {} done, {} quarantined", self.done, self.quarantined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_tui::fixtures;

    #[test]
    fn scans_are_counted_by_state() {
        let mut counts = ScanCounts::default();
        for event in &fixtures::morning() {
            counts.event(event);
        }
        assert_eq!(
            (counts.running(), counts.waiting(), counts.retrying(), counts.done, counts.quarantined),
            (2, 3, 1, 2, 1)
        );
        assert_eq!(counts.status_line(), "watching: 2 running, 4 waiting, 2 done, 1 quarantined");
    }
}
