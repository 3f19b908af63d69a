//! Conversions of the model for another process.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use jiff::SignedDuration;

use super::{Model, State};
use octrls_core::segment::SegmentedBScan;
use octrls_engine::{Event, EventKind, ScanChange, ScanId};

impl Model {
    /// The B-scans whose pixels are kept, oldest first.
    pub(crate) fn pictures(&self) -> Vec<(ScanId, Arc<SegmentedBScan>)> {
        let full = |(id, index): &(ScanId, usize)| {
            let frame = self.scans.get(id)?.frames.get(index)?;
            Some((*id, Arc::clone(frame.full.as_ref()?)))
        };
        self.pixels.iter().filter_map(full).collect()
    }

    /// Adds the separately sent pixels of a B-scan; false if the model has no such B-scan.
    pub(crate) fn restore(&mut self, id: ScanId, bscan: Arc<SegmentedBScan>) -> bool {
        let index = bscan.index;
        let frame = self.scans.get_mut(&id).and_then(|scan| scan.frames.get_mut(&index));
        let Some(frame) = frame else { return false };
        frame.full = Some(bscan);
        self.pixels.retain(|key| *key != (id, index));
        self.pixels.push_back((id, index));
        true
    }

    /// The events that bring a reader of lines up to date: the session and each scan that is not finished.
    pub fn recap(&self) -> Vec<Event> {
        let (Some(session), Some(since)) = (&self.session, self.since) else { return Vec::new() };
        let mut scans: Vec<_> = self.scans.values().collect();
        scans.sort_unstable_by_key(|scan| scan.id);
        let mut events = vec![Event { at: since, kind: EventKind::Started(session.clone()) }];
        for (told, kind) in [(!self.online, EventKind::RootOnline(false)), (self.paused, EventKind::Paused(true))] {
            events.extend(told.then_some(Event { at: since, kind }));
        }
        for scan in scans {
            let change = match &scan.state {
                State::Done | State::Known | State::Vanished => continue,
                State::Seen => None,
                State::Queued => Some(ScanChange::Queued),
                State::Running => Some(ScanChange::Running { attempt: scan.attempt }),
                State::Retry { due, code, reason } => Some(ScanChange::Retrying {
                    code: *code,
                    reason: reason.clone(),
                    next_attempt: scan.attempt,
                    after: waited(due.duration_since(scan.changed)),
                }),
                State::Quarantined { code, reason } => {
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
    pub(crate) fn is_sound(&self) -> bool {
        /// Above any number in a real model.
        const MANY: usize = 1_000_000;
        let scans = self
            .scans
            .iter()
            .all(|(id, scan)| *id == scan.id && scan.progress < MANY && scan.frames.keys().all(|index| *index < MANY));
        let apart: HashSet<_> = self.pixels.iter().collect();
        scans && self.rates.is_sound() && self.scans.len() < MANY && apart.len() == self.pixels.len()
    }
}

fn waited(time: SignedDuration) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}
