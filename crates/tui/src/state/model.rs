//! The model of all scans and of the engine.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt::Write,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use octrls_core::{lesion::LESIONS, measure::Verdict, segment::SegmentedBScan};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId, Session, Totals, validate};
use serde::{Deserialize, Serialize};

use super::{BScanMeasurements, BScanRecord, Journal, Rates, ScanRecord, ScanState};
use crate::{
    display_path::{display_path, display_paths},
    short_findings::short_findings,
};

/// Maximum number of B-scans with pixels, over all scans.
pub(crate) const MAX_BSCANS_WITH_PIXELS: usize = 24;
/// Maximum number of these per scan, so that a long volume does not drop the pixels of all short scans.
const MAX_WITH_PIXELS_PER_SCAN: usize = 16;
/// Maximum number of B-scans with measurements, over all scans.
const MAX_BSCANS: usize = 4096;
/// Maximum number of rows in the table of scans; the oldest finished ones are dropped.
const MAX_SCANS: usize = 2000;

/// Number of latest scans whose duration tells how long others will take.
const MAX_DURATIONS: usize = 20;

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

impl Counts {
    /// Counts a scan that is not finished, or quarantined.
    fn add(&mut self, scan: &ScanRecord) {
        match scan.state {
            ScanState::Seen | ScanState::Queued | ScanState::Interrupted => self.waiting += 1,
            ScanState::Running => self.running += 1,
            ScanState::Retry { .. } => self.retry += 1,
            ScanState::Quarantined { .. } => self.quarantined += 1,
            ScanState::Done | ScanState::Known | ScanState::Vanished | ScanState::Expired => {}
        }
    }
}

/// Everything that the dashboard shows of the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Model {
    pub(crate) session: Option<Session>,
    /// When the engine started.
    since: Option<Timestamp>,
    pub(crate) online: bool,
    /// Whether the operator paused the engine.
    pub(crate) paused: bool,
    pub(crate) draining: bool,
    pub(crate) stopped: Option<Totals>,
    pub(crate) rates: Rates,
    pub(crate) journal: Journal,
    pub(super) scans: HashMap<ScanId, ScanRecord>,
    /// Finished scans, including those without a row.
    done: u64,
    known: u64,
    /// B-scans whose pixels are kept, oldest first. Serialized separately.
    #[serde(skip)]
    with_pixels: VecDeque<(ScanId, usize)>,
    /// B-scans whose measurements are kept, oldest first.
    with_measurements: VecDeque<(ScanId, usize)>,
    /// Scans that finished since rows were dropped last.
    #[serde(skip)]
    finished_since_drop: usize,
    /// How long the latest scans took, oldest first.
    durations: VecDeque<Duration>,
    /// Rows that only the ledger knows, by path.
    #[serde(skip)]
    pub(super) past: HashMap<String, ScanId>,
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
            with_pixels: VecDeque::new(),
            with_measurements: VecDeque::new(),
            finished_since_drop: 0,
            durations: VecDeque::new(),
            past: HashMap::new(),
        }
    }
}

impl Model {
    /// Updates the model by an event.
    pub(crate) fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.kind {
            EventKind::Started(session) => {
                self.journal.push(at, Level::Info, format!("watching {}", display_paths(&session.roots)));
                (self.session, self.since) = (Some(session.clone()), Some(at));
            }
            EventKind::Scan { id, change } => self.apply_change(at, *id, change),
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

    /// The state of results below `out` without an engine; `roots` are the folders with the scans.
    #[must_use]
    pub fn of_results(roots: Vec<PathBuf>, out: PathBuf) -> Self {
        let session = Session { roots, out, model: String::new(), model_sha256: String::new(), workers: 0 };
        Self { session: Some(session), ..Self::default() }
    }

    /// The scan `id`, unless its row was dropped.
    pub(crate) fn scan(&self, id: ScanId) -> Option<&ScanRecord> {
        self.scans.get(&id)
    }

    /// Number of scans by state.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { done: self.done, known: self.known, ..Counts::default() };
        for scan in self.scans.values() {
            counts.add(scan);
        }
        counts.done +=
            self.past.values().filter_map(|id| self.scans.get(id)).filter(|scan| is_done(scan)).count() as u64;
        counts
    }

    /// Number of scans of this engine by state, without those that only the ledger knows.
    fn own_counts(&self) -> Counts {
        let mut counts = Counts { done: self.done, known: self.known, ..Counts::default() };
        for scan in self.scans.values().filter(|scan| !scan.past) {
            counts.add(scan);
        }
        counts
    }

    /// Number of scans by outcome: from the engine once it has stopped, otherwise counted here.
    pub(crate) fn totals(&self) -> Totals {
        let counts = self.own_counts();
        self.stopped.unwrap_or(Totals {
            done: counts.done,
            already_done: counts.known,
            quarantined: counts.quarantined,
            left: counts.running + counts.waiting + counts.retry,
        })
    }

    /// How long the scans that run and wait will take, by the latest ones; `None` if nothing waits or nothing is known.
    pub(crate) fn time_left(&self, now: Timestamp) -> Option<Duration> {
        let counts = self.own_counts();
        let workers = self.session.as_ref().map_or(1, |session| session.workers.max(1)) as u32;
        if counts.waiting + counts.retry == 0 || self.durations.is_empty() || self.paused || self.stopped.is_some() {
            return None;
        }
        let mean = self.durations.iter().sum::<Duration>() / self.durations.len() as u32;
        let running = self.scans.values().filter(|scan| scan.state == ScanState::Running && !scan.past);
        let of_running: Duration = running
            .map(|scan| {
                let elapsed = scan.started.map_or(Duration::ZERO, |start| non_negative(now.duration_since(start)));
                mean.saturating_sub(elapsed)
            })
            .sum();
        let waiting = u32::try_from(counts.waiting + counts.retry).unwrap_or(u32::MAX);
        Some(mean.saturating_mul(waiting).saturating_add(of_running) / workers)
    }

    /// The B-scans whose pixels are kept, oldest first.
    pub(crate) fn bscans_with_pixels(&self) -> Vec<(ScanId, Arc<SegmentedBScan>)> {
        let segmented = |(id, index): &(ScanId, usize)| {
            let record = self.scans.get(id)?.bscans.get(index)?;
            Some((*id, Arc::clone(record.segmented.as_ref()?)))
        };
        self.with_pixels.iter().filter_map(segmented).collect()
    }

    /// Adds the separately sent pixels of a B-scan; false if the model has no such B-scan.
    pub(crate) fn restore_pixels(&mut self, id: ScanId, bscan: Arc<SegmentedBScan>) -> bool {
        let index = bscan.index;
        let record = self.scans.get_mut(&id).and_then(|scan| scan.bscans.get_mut(&index));
        let Some(record) = record else { return false };
        record.segmented = Some(bscan);
        self.with_pixels.retain(|key| *key != (id, index));
        self.with_pixels.push_back((id, index));
        true
    }

    /// The events that bring a screen of lines up to date: the session and each scan that is not finished.
    #[must_use]
    pub fn catch_up_events(&self) -> Vec<Event> {
        let (Some(session), Some(since)) = (&self.session, self.since) else { return Vec::new() };
        let mut scans: Vec<_> = self.scans.values().collect();
        scans.sort_unstable_by_key(|scan| scan.id);
        let mut events = vec![Event { at: since, kind: EventKind::Started(session.clone()) }];
        for (applies, kind) in [(!self.online, EventKind::RootOnline(false)), (self.paused, EventKind::Paused(true))] {
            events.extend(applies.then_some(Event { at: since, kind }));
        }
        for scan in scans {
            let change = match &scan.state {
                ScanState::Done | ScanState::Known | ScanState::Vanished | ScanState::Expired => continue,
                ScanState::Seen | ScanState::Interrupted => None,
                ScanState::Queued => Some(ScanChange::Queued),
                ScanState::Running => Some(ScanChange::Running { attempt: scan.attempt }),
                ScanState::Retry { due, code, reason } => Some(ScanChange::Retrying {
                    code: *code,
                    reason: reason.clone(),
                    next_attempt: scan.attempt,
                    after: non_negative(due.duration_since(scan.changed)),
                }),
                ScanState::Quarantined { code, reason } => {
                    Some(ScanChange::Quarantined { code: *code, reason: reason.clone() })
                }
            };
            let seen = ScanChange::Seen { path: PathBuf::from(&scan.name), bytes: scan.bytes };
            let event = |change| Event { at: scan.changed, kind: EventKind::Scan { id: scan.id, change } };
            events.push(event(seen));
            events.extend(change.map(event));
        }
        events
    }

    /// Whether the model is consistent and plausible. A model from another process may not be.
    pub(crate) fn is_valid(&self) -> bool {
        /// Above any number in a real model.
        const LIMIT: usize = 1_000_000;
        /// Longer than any scan takes.
        const MAX_SECONDS: u64 = 100_000_000;
        let few = |measurements: &BScanMeasurements| {
            measurements.lesions.len() <= LESIONS && measurements.findings.len() <= validate::MOST_FINDINGS
        };
        let scans = self.scans.iter().all(|(id, scan)| {
            *id == scan.id
                && scan.progress < LIMIT
                && scan.bscans.iter().all(|(index, bscan)| *index < LIMIT && few(&bscan.measurements))
                && scan.summary.as_deref().is_none_or(validate::summary)
        });
        let distinct: HashSet<_> = self.with_pixels.iter().collect();
        let times = self.durations.len() <= MAX_DURATIONS && self.durations.iter().all(|d| d.as_secs() < MAX_SECONDS);
        scans && times && self.rates.is_valid() && self.scans.len() < LIMIT && distinct.len() == self.with_pixels.len()
    }

    /// Updates the model by a change of one scan.
    fn apply_change(&mut self, at: Timestamp, id: ScanId, change: &ScanChange) {
        if let ScanChange::Seen { path, bytes } = change {
            let name = display_path(path);
            self.drop_past(&name);
            let scan = self.scans.entry(id).or_insert_with(|| ScanRecord::new(id, name, at));
            (scan.state, scan.bytes) = (ScanState::Seen, *bytes);
            scan.changed = at;
            self.drop_finished_scans();
            return;
        }
        // A screen that attached late or dropped the row still shows the scan.
        let scan = self.scans.entry(id).or_insert_with(|| ScanRecord::new(id, format!("#{}", id.0), at));
        if !matches!(change, ScanChange::Opened(_) | ScanChange::BScan(_)) {
            scan.changed = at;
        }
        if matches!(change, ScanChange::Done(_) | ScanChange::AlreadyDone | ScanChange::Vanished) {
            self.finished_since_drop += 1;
        }
        let mut message = None;
        match change {
            ScanChange::Seen { .. } => {}
            ScanChange::Queued => scan.state = ScanState::Queued,
            ScanChange::AlreadyDone => {
                scan.state = ScanState::Known;
                self.known += 1;
            }
            ScanChange::Vanished => {
                scan.state = ScanState::Vanished;
                message = Some((Level::Warning, format!("{} vanished before it was processed", scan.name)));
            }
            ScanChange::Running { attempt } => {
                scan.state = ScanState::Running;
                scan.attempt = *attempt;
                scan.started = Some(at);
                scan.progress = 0;
                scan.latest = None;
                scan.summary = None;
                scan.bscans.clear();
            }
            ScanChange::Opened(header) => {
                // Each series of a file starts again at B-scan 0.
                scan.bscans.clear();
                (scan.progress, scan.latest) = (0, None);
                scan.header = Some(Arc::clone(header));
            }
            ScanChange::BScan(bscan) => {
                scan.progress = scan.progress.max(bscan.index + 1);
                scan.latest = Some(bscan.index);
                self.rates.record(at, bscan.network_time + bscan.surface_time);
                self.store_bscan(id, bscan);
            }
            ScanChange::Done(summary) => {
                scan.state = ScanState::Done;
                let seconds = summary.elapsed.as_secs_f64();
                let mut details = format!("{} in {seconds:.1} s", bscans_text(summary.bscans));
                if !summary.flags.is_empty() {
                    let _ = write!(details, ", flagged {}", summary.flags);
                }
                if !summary.findings.is_empty() {
                    let _ = write!(details, ": {}", short_findings(&summary.findings, ", "));
                }
                message = Some(match summary.verdict {
                    Verdict::Good if summary.flags.is_empty() => {
                        (Level::Info, format!("{} done: {details}", scan.name))
                    }
                    Verdict::Good => (Level::Warning, format!("{} done: {details}", scan.name)),
                    worse => (Level::Warning, format!("{} {}: {details}", scan.name, worse.words())),
                });
                scan.summary = Some(Arc::clone(summary));
                self.done += 1;
                if self.durations.len() == MAX_DURATIONS {
                    self.durations.pop_front();
                }
                self.durations.push_back(summary.elapsed);
            }
            ScanChange::Retrying { code, reason, next_attempt, after } => {
                let due = SignedDuration::try_from(*after).ok().and_then(|a| at.checked_add(a).ok()).unwrap_or(at);
                scan.attempt = *next_attempt;
                scan.state = ScanState::Retry { due, code: *code, reason: reason.clone() };
                message = Some((Level::Warning, format!("{} {code} {reason}; will be retried", scan.name)));
            }
            ScanChange::Quarantined { code, reason } => {
                scan.state = ScanState::Quarantined { code: *code, reason: reason.clone() };
                message = Some((Level::Error, format!("{} {code} {reason}; quarantined", scan.name)));
            }
        }
        if let Some((level, text)) = message {
            self.journal.push(at, level, text);
        }
        self.drop_finished_scans();
    }

    /// Keeps a B-scan and drops older ones beyond the limits.
    fn store_bscan(&mut self, id: ScanId, bscan: &Arc<SegmentedBScan>) {
        let Some(scan) = self.scans.get_mut(&id) else { return };
        let measurements = BScanMeasurements::of(bscan, scan.header.as_deref());
        scan.bscans.insert(bscan.index, BScanRecord { measurements, segmented: Some(Arc::clone(bscan)) });
        self.with_pixels.retain(|k| *k != (id, bscan.index));
        self.with_pixels.push_back((id, bscan.index));
        self.with_measurements.push_back((id, bscan.index));
        if self.with_pixels.len() > MAX_BSCANS_WITH_PIXELS
            && let Some((id, index)) = self.with_pixels.remove(self.pixels_to_drop(id))
            && let Some(record) = self.scans.get_mut(&id).and_then(|s| s.bscans.get_mut(&index))
        {
            record.segmented = None;
        }
        if self.with_measurements.len() > MAX_BSCANS
            && let Some((id, index)) = self.with_measurements.pop_front()
            && let Some(scan) = self.scans.get_mut(&id)
        {
            scan.bscans.remove(&index);
        }
    }

    /// Position of the pixels to drop when scan `id` gets another B-scan.
    fn pixels_to_drop(&self, id: ScanId) -> usize {
        let own = self.with_pixels.iter().filter(|k| k.0 == id).count();
        let oldest_own = || self.with_pixels.iter().position(|k| k.0 == id);
        if own > MAX_WITH_PIXELS_PER_SCAN { oldest_own().unwrap_or(0) } else { 0 }
    }

    /// Drops the oldest finished scans beyond the limit.
    fn drop_finished_scans(&mut self) {
        /// Searching all rows is slow, so many are dropped at once.
        const AT_ONCE: usize = MAX_SCANS / 10;
        if self.scans.len() <= MAX_SCANS + AT_ONCE || self.finished_since_drop < AT_ONCE {
            return;
        }
        self.finished_since_drop = 0;
        let is_finished = |s: &&ScanRecord| {
            matches!(s.state, ScanState::Done | ScanState::Known | ScanState::Vanished | ScanState::Expired)
        };
        let mut old: Vec<_> = self.scans.values().filter(is_finished).map(|s| (s.changed, s.id)).collect();
        old.sort_unstable();
        for (_, id) in old.into_iter().take(self.scans.len() - MAX_SCANS) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: ScanId) {
        if let Some(scan) = self.scans.remove(&id).filter(|scan| scan.past) {
            self.past.remove(&scan.name);
            // It stays counted, as other finished scans do.
            self.done += u64::from(scan.state == ScanState::Done);
        }
    }

    /// Drops the row that only the ledger knew; the engine reports this scan from now on.
    fn drop_past(&mut self, name: &str) {
        if let Some(id) = self.past.remove(name) {
            self.scans.remove(&id);
        }
    }
}

/// Whether the scan has results.
fn is_done(scan: &ScanRecord) -> bool {
    scan.state == ScanState::Done
}

/// `time`, or zero if it is negative.
fn non_negative(time: SignedDuration) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

/// A number of B-scans in words.
fn bscans_text(bscans: usize) -> String {
    if bscans == 1 { "1 B-scan".into() } else { format!("{bscans} B-scans") }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
