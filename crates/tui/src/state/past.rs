//! Scans that the engine has not seen since it started: the ledger knows them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use octrls_core::ErrorCode;
use octrls_engine::{Review, ReviewState, ScanId};

use super::{Model, ScanRecord, ScanState};
use crate::archive::{Facts, LedgerScan, LedgerState};

/// The engine counts scans from 0, so these ids are free.
const FIRST_ID: u64 = 1 << 62;

impl Model {
    /// Shows the scans of the ledger. Scans that the engine reports keep their rows. `in_use`: whether a watcher runs;
    /// without one, what was running was interrupted. Returns the scans whose results were made anew.
    pub(crate) fn set_past(&mut self, scans: &[LedgerScan], in_use: bool) -> Vec<ScanId> {
        let mut renewed = Vec::new();
        let own: HashMap<String, ScanId> =
            self.scans.values().filter(|s| !s.past).map(|s| (s.name.clone(), s.id)).collect();
        let listed: HashSet<&str> = scans.iter().map(|scan| scan.name.as_str()).collect();
        let gone: Vec<ScanId> =
            self.past.iter().filter(|(name, _)| !listed.contains(name.as_str())).map(|(_, id)| *id).collect();
        for id in gone {
            if let Some(scan) = self.scans.remove(&id) {
                self.past.remove(&scan.name);
            }
        }
        let mut next = self.past.values().map(|id| id.0 + 1).max().unwrap_or(FIRST_ID);
        for scan in scans {
            if let Some(record) = own.get(&scan.name).and_then(|id| self.scans.get_mut(id)) {
                if last_correction(&scan.reviews) > last_correction(&record.reviews) {
                    // The lines that were received with the events are no longer those of the result.
                    record.bscans.clear();
                    record.summary = None;
                    renewed.push(record.id);
                }
                record.folder.clone_from(&scan.folder);
                record.reviews.clone_from(&scan.reviews);
                continue;
            }
            let id = *self.past.entry(scan.name.clone()).or_insert_with(|| {
                next += 1;
                ScanId(next - 1)
            });
            let record = self.scans.entry(id).or_insert_with(|| ScanRecord::new(id, scan.name.clone(), scan.at));
            let state = state_of(scan, in_use);
            if record.changed != scan.at || record.state != state {
                // Another result: what was read of the earlier one no longer holds.
                (record.summary, record.header) = (None, None);
                renewed.push(id);
            }
            (record.state, record.changed, record.past) = (state, scan.at, true);
            (record.bytes, record.attempt) = (scan.bytes, scan.attempts);
            record.folder.clone_from(&scan.folder);
            record.reviews.clone_from(&scan.reviews);
        }
        renewed
    }

    /// Adds what a result tells of the scan at the path `name`, unless the engine told it.
    pub(crate) fn add_facts(&mut self, name: &str, facts: &Facts) {
        let id = self.past.get(name).copied();
        let id = id.or_else(|| self.scans.values().find(|scan| scan.name == name).map(|scan| scan.id));
        if let Some(scan) = id.and_then(|id| self.scans.get_mut(&id)).filter(|scan| scan.state.is_finished()) {
            scan.summary.get_or_insert_with(|| Arc::clone(&facts.summary));
            scan.header.get_or_insert_with(|| Arc::clone(&facts.header));
        }
    }
}

/// Time of the last correction among `reviews`.
fn last_correction(reviews: &[Review]) -> Option<Timestamp> {
    reviews.iter().filter(|review| review.state == ReviewState::Corrected).map(|review| review.at).max()
}

fn state_of(scan: &LedgerScan, in_use: bool) -> ScanState {
    match scan.state {
        LedgerState::Queued => ScanState::Queued,
        LedgerState::Running if in_use => ScanState::Running,
        LedgerState::Running => ScanState::Interrupted,
        LedgerState::Done => ScanState::Done,
        LedgerState::Expired => ScanState::Expired,
        LedgerState::Quarantined => {
            let (code, reason) = scan.error.clone().unwrap_or_default();
            match code.parse::<ErrorCode>() {
                Ok(code) => ScanState::Quarantined { code, reason },
                // Of a later version.
                Err(_) => ScanState::Quarantined { code: ErrorCode::Quarantine, reason: format!("{code} {reason}") },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::fixtures::{done, scan_event, seen, start};
    use crate::state::Query;

    fn scan(name: &str, state: LedgerState, seconds: i64) -> LedgerScan {
        LedgerScan {
            name: name.into(),
            state,
            folder: (state == LedgerState::Done).then(|| format!("/out/{name}").into()),
            bytes: 1,
            attempts: 1,
            error: (state == LedgerState::Quarantined).then(|| ("E-READ-IO".into(), "why".into())),
            at: start() + SignedDuration::from_secs(seconds),
            reviews: Vec::new(),
        }
    }

    fn names(model: &Model) -> Vec<(String, &'static str)> {
        model.rows(&Query::default()).iter().map(|scan| (scan.name.clone(), scan.state.word())).collect()
    }

    #[test]
    fn the_ledger_fills_the_queue_and_the_engine_takes_over() {
        let mut model = Model::default();
        let ledger = [
            scan("b.vol", LedgerState::Done, -10),
            scan("c.vol", LedgerState::Quarantined, -20),
            scan("d.vol", LedgerState::Running, -30),
        ];
        model.set_past(&ledger, false);
        let row = |name: &str, word| (name.to_owned(), word);
        assert_eq!(names(&model), [row("b.vol", "done"), row("c.vol", "quarantined"), row("d.vol", "interrupted")]);
        let counts = model.counts();
        assert_eq!((counts.done, counts.quarantined, counts.waiting), (1, 1, 1));
        assert_eq!(model.totals(), octrls_engine::Totals::default(), "the totals are those of this engine");
        model.apply(&scan_event(1.0, 0, seen("c.vol")));
        model.apply(&scan_event(2.0, 0, done(1, 1.0)));
        assert_eq!(names(&model)[0], row("c.vol", "done"));
        let counts = model.counts();
        assert_eq!((counts.done, counts.quarantined), (2, 0));
        model.set_past(&[scan("c.vol", LedgerState::Done, 3)], false);
        assert_eq!(names(&model), [row("c.vol", "done")], "one row a path");
        assert_eq!(model.rows(&Query::default())[0].folder.as_deref(), Some(std::path::Path::new("/out/c.vol")));
    }

    #[test]
    fn a_running_watcher_runs_what_the_ledger_says() {
        let mut model = Model::default();
        model.set_past(&[scan("d.vol", LedgerState::Running, 0)], true);
        assert_eq!(names(&model), [("d.vol".to_owned(), "running")]);
    }
}
