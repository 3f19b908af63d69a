//! The model of all scans and of the engine.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Figures, Frame, Journal, Rates, Scan, State};
use crate::lines::{folders, printed};
use octrls_core::{measure::Verdict, segment::SegmentedBScan};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId, Session, Totals};

/// Maximum number of B-scans with pixels, over all scans.
pub(crate) const KEPT_PIXELS: usize = 24;
/// Maximum number of these per scan, so that a long volume does not drop the pixels of all short scans.
const KEPT_OF_ONE: usize = 16;
/// Maximum number of B-scans with measurements, over all scans.
const KEPT_FIGURES: usize = 4096;
/// Maximum number of rows in the table of scans; the oldest finished ones are dropped.
const KEPT_SCANS: usize = 2000;

/// Number of scans by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) done: u64,
    pub(crate) known: u64,
    pub(crate) running: u64,
    /// Seen or queued.
    pub(crate) waiting: u64,
    pub(crate) retry: u64,
    pub(crate) quarantined: u64,
}

/// Everything that the dashboard shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Model {
    pub(crate) session: Option<Session>,
    /// When the engine started.
    pub(super) since: Option<Timestamp>,
    pub(crate) online: bool,
    /// Whether the operator paused the engine.
    pub(crate) paused: bool,
    pub(crate) draining: bool,
    pub(crate) stopped: Option<Totals>,
    pub(crate) rates: Rates,
    pub(crate) journal: Journal,
    pub(super) scans: HashMap<ScanId, Scan>,
    /// Finished scans, including those without a row.
    done: u64,
    known: u64,
    /// Oldest first. Serialized separately.
    #[serde(skip)]
    pub(super) pixels: VecDeque<(ScanId, usize)>,
    figures: VecDeque<(ScanId, usize)>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            session: None,
            since: None,
            online: true,
            paused: false,
            draining: false,
            stopped: None,
            rates: Rates::default(),
            journal: Journal::default(),
            scans: HashMap::new(),
            done: 0,
            known: 0,
            pixels: VecDeque::new(),
            figures: VecDeque::new(),
        }
    }
}

impl Model {
    pub(crate) fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.kind {
            EventKind::Started(session) => {
                self.journal.push(at, Level::Info, format!("watching {}", folders(&session.roots)));
                (self.session, self.since) = (Some(session.clone()), Some(at));
            }
            EventKind::Scan { id, change } => self.change(at, *id, change),
            EventKind::RootOnline(online) => {
                self.online = *online;
                let (level, text) = if *online {
                    (Level::Info, "the watched folder is online again")
                } else {
                    (Level::Error, "the watched folder is offline; waiting for it")
                };
                self.journal.push(at, level, text.into());
            }
            EventKind::Paused(paused) => {
                self.paused = *paused;
                let text = if *paused { "paused; no new scans start" } else { "resumed" };
                self.journal.push(at, Level::Info, text.into());
            }
            EventKind::Notice { level, code, text } => {
                let text = code.map_or_else(|| text.clone(), |code| format!("{code} {text}"));
                self.journal.push(at, *level, text);
            }
            EventKind::Draining { running } => {
                self.draining = true;
                self.journal.push(at, Level::Info, format!("draining: {running} running, no new scans start"));
            }
            EventKind::Stopped(totals) => {
                self.stopped = Some(*totals);
                self.journal.push(at, Level::Info, "stopped".into());
            }
        }
    }

    pub(crate) fn scan(&self, id: ScanId) -> Option<&Scan> {
        self.scans.get(&id)
    }

    /// Scans whose path or state contains `filter`, ignoring case: running ones first, then by latest change.
    pub(crate) fn rows(&self, filter: &str) -> Vec<&Scan> {
        let filter = filter.to_lowercase();
        let matches = |s: &&Scan| s.name.to_lowercase().contains(&filter) || s.state.word().contains(&filter);
        let mut rows: Vec<_> = self.scans.values().filter(matches).collect();
        rows.sort_by_key(|s| {
            let time = if s.state == State::Running { s.started.unwrap_or(s.changed) } else { s.changed };
            (s.state != State::Running, std::cmp::Reverse(time), s.id)
        });
        rows
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { done: self.done, known: self.known, ..Counts::default() };
        for scan in self.scans.values() {
            match scan.state {
                State::Seen | State::Queued => counts.waiting += 1,
                State::Running => counts.running += 1,
                State::Retry { .. } => counts.retry += 1,
                State::Quarantined { .. } => counts.quarantined += 1,
                State::Done | State::Known | State::Vanished => {}
            }
        }
        counts
    }

    /// Number of scans by outcome: from the engine once it has stopped, otherwise counted here.
    pub(crate) fn totals(&self) -> Totals {
        let counts = self.counts();
        self.stopped.unwrap_or(Totals {
            done: counts.done,
            already_done: counts.known,
            quarantined: counts.quarantined,
            left: counts.running + counts.waiting + counts.retry,
        })
    }

    fn change(&mut self, at: Timestamp, id: ScanId, change: &ScanChange) {
        if let ScanChange::Seen { path, bytes } = change {
            let name = printed(path);
            let scan = self.scans.entry(id).or_insert_with(|| Scan::new(id, name, at));
            (scan.state, scan.bytes) = (State::Seen, *bytes);
            scan.changed = at;
            self.forget_old_rows();
            return;
        }
        // A screen that attached late or dropped the row still shows the scan.
        let scan = self.scans.entry(id).or_insert_with(|| Scan::new(id, format!("#{}", id.0), at));
        if !matches!(change, ScanChange::Opened(_) | ScanChange::BScan(_)) {
            scan.changed = at;
        }
        let mut note = None;
        match change {
            ScanChange::Seen { .. } => {}
            ScanChange::Queued => scan.state = State::Queued,
            ScanChange::AlreadyDone => {
                scan.state = State::Known;
                self.known += 1;
            }
            ScanChange::Vanished => {
                scan.state = State::Vanished;
                note = Some((Level::Warning, format!("{} vanished before it was processed", scan.name)));
            }
            ScanChange::Running { attempt } => {
                scan.state = State::Running;
                scan.attempt = *attempt;
                scan.started = Some(at);
                scan.progress = 0;
                scan.latest = None;
                scan.summary = None;
                scan.frames.clear();
            }
            ScanChange::Opened(header) => {
                // Each series of a file starts again at B-scan 0.
                scan.frames.clear();
                (scan.progress, scan.latest) = (0, None);
                scan.header = Some(Arc::clone(header));
            }
            ScanChange::BScan(bscan) => {
                scan.progress = scan.progress.max(bscan.index + 1);
                scan.latest = Some(bscan.index);
                self.rates.record(at, bscan.network_time + bscan.surface_time);
                self.keep(id, bscan);
            }
            ScanChange::Done(summary) => {
                scan.state = State::Done;
                let seconds = summary.elapsed.as_secs_f64();
                let mut figures = format!("{} in {seconds:.1} s", many(summary.bscans));
                if !summary.flags.is_empty() {
                    let _ = write!(figures, ", flagged {}", summary.flags);
                }
                note = Some(match summary.verdict {
                    Verdict::Good if summary.flags.is_empty() => {
                        (Level::Info, format!("{} done: {figures}", scan.name))
                    }
                    Verdict::Good => (Level::Warning, format!("{} done: {figures}", scan.name)),
                    worse => (Level::Warning, format!("{} {}: {figures}", scan.name, worse.words())),
                });
                scan.summary = Some(Arc::clone(summary));
                self.done += 1;
            }
            ScanChange::Retrying { code, reason, next_attempt, after } => {
                let due = SignedDuration::try_from(*after).ok().and_then(|a| at.checked_add(a).ok()).unwrap_or(at);
                scan.attempt = *next_attempt;
                scan.state = State::Retry { due, code: *code, reason: reason.clone() };
                note = Some((Level::Warning, format!("{} {code} {reason}; will be retried", scan.name)));
            }
            ScanChange::Quarantined { code, reason } => {
                scan.state = State::Quarantined { code: *code, reason: reason.clone() };
                note = Some((Level::Error, format!("{} {code} {reason}; quarantined", scan.name)));
            }
        }
        if let Some((level, text)) = note {
            self.journal.push(at, level, text);
        }
        self.forget_old_rows();
    }

    fn keep(&mut self, id: ScanId, bscan: &Arc<SegmentedBScan>) {
        let Some(scan) = self.scans.get_mut(&id) else { return };
        scan.frames.insert(bscan.index, Frame { figures: Figures::of(bscan), full: Some(Arc::clone(bscan)) });
        self.pixels.retain(|k| *k != (id, bscan.index));
        self.pixels.push_back((id, bscan.index));
        self.figures.push_back((id, bscan.index));
        if self.pixels.len() > KEPT_PIXELS
            && let Some((id, index)) = self.pixels.remove(self.least_needed(id))
            && let Some(frame) = self.scans.get_mut(&id).and_then(|s| s.frames.get_mut(&index))
        {
            frame.full = None;
        }
        if self.figures.len() > KEPT_FIGURES
            && let Some((id, index)) = self.figures.pop_front()
            && let Some(scan) = self.scans.get_mut(&id)
        {
            scan.frames.remove(&index);
        }
    }

    /// Position of the pixels to drop when scan `id` gets another B-scan.
    fn least_needed(&self, id: ScanId) -> usize {
        let own = self.pixels.iter().filter(|k| k.0 == id).count();
        let oldest_own = || self.pixels.iter().position(|k| k.0 == id);
        if own > KEPT_OF_ONE { oldest_own().unwrap_or(0) } else { 0 }
    }

    fn forget_old_rows(&mut self) {
        // Sorting is slow, so drop many rows at once.
        if self.scans.len() <= KEPT_SCANS + KEPT_SCANS / 10 {
            return;
        }
        let settled = |s: &&Scan| matches!(s.state, State::Done | State::Known | State::Vanished);
        let mut old: Vec<_> = self.scans.values().filter(settled).map(|s| (s.changed, s.id)).collect();
        old.sort_unstable();
        for (_, id) in old.into_iter().take(self.scans.len() - KEPT_SCANS) {
            self.scans.remove(&id);
        }
    }
}

/// A number of B-scans in words.
fn many(bscans: usize) -> String {
    if bscans == 1 { "1 B-scan".into() } else { format!("{bscans} B-scans") }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
