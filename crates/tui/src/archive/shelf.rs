//! What the screen keeps of finished scans: a bounded number of B-scans and opened results.

use std::{collections::VecDeque, path::Path, sync::Arc};

use crossbeam_channel::{Receiver, Sender, never};
use octrls_core::segment::SegmentedBScan;
use octrls_engine::ScanId;

use super::{Answer, BScanWish, OpenedResult, ScanWish, Wish, worker};
use crate::state::{BScanMeasurements, BScanRecord};

/// Bytes of pixels and lines that are kept; a B-scan of 1024 x 496 has about 3 MiB.
const MAX_BYTES: usize = 96 << 20;
/// Opened results that are kept, without pixels.
const MAX_RESULTS: usize = 8;

/// B-scans and results that the archive has read.
#[derive(Debug)]
pub(crate) struct Shelf {
    wishes: Option<Sender<Wish>>,
    answers: Receiver<Answer>,
    /// Latest first.
    bscans: VecDeque<(ScanId, usize, BScanRecord)>,
    /// Latest first.
    results: VecDeque<(ScanId, Arc<OpenedResult>)>,
    /// The wish that was sent last.
    pending: Option<BScanWish>,
    /// The wish that could not be fulfilled, and why.
    failed: Option<(BScanWish, String)>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            wishes: None,
            answers: never(),
            bscans: VecDeque::new(),
            results: VecDeque::new(),
            pending: None,
            failed: None,
        }
    }
}

impl Shelf {
    /// Whether an archive is open.
    pub(crate) const fn is_open(&self) -> bool {
        self.wishes.is_some()
    }

    /// Opens the archive of the results folder `out`, and wishes for its ledger.
    pub(crate) fn open(&mut self, out: &Path) {
        // Without a thread, finished scans stay closed.
        let Ok((wishes, answers)) = worker::start(out) else { return };
        (self.wishes, self.answers) = (Some(wishes), answers);
        self.read_ledger();
    }

    /// Wishes for the ledger's present content.
    pub(crate) fn read_ledger(&self) {
        self.wish(Wish::Ledger);
    }

    /// Wishes for the lines of `scan`.
    pub(crate) fn want_lines(&self, scan: ScanWish) {
        self.wish(Wish::Lines(scan));
    }

    fn wish(&self, wish: Wish) {
        if let Some(wishes) = &self.wishes {
            // Fails only after the thread has ended.
            let _ = wishes.send(wish);
        }
    }

    /// What the archive found.
    pub(crate) const fn answers(&self) -> &Receiver<Answer> {
        &self.answers
    }

    /// Wishes for the B-scan at `index` of `scan`, or the middle one, and for the result that it belongs to, unless
    /// both are here or on their way.
    pub(crate) fn want(&mut self, scan: ScanWish, index: Option<usize>) {
        if !self.is_open() || self.bscan(scan.id, index).is_some() && self.result(scan.id).is_some() {
            return;
        }
        let wish = BScanWish { scan, index };
        let is_known = self.pending.as_ref() == Some(&wish) || self.failed.as_ref().is_some_and(|(w, _)| *w == wish);
        if !is_known {
            self.pending = Some(wish.clone());
            self.wish(Wish::BScan(wish));
        }
    }

    /// Keeps an opened result.
    pub(crate) fn put_result(&mut self, id: ScanId, result: Arc<OpenedResult>) {
        self.results.retain(|(kept, _)| *kept != id);
        self.results.push_front((id, result));
        self.results.truncate(MAX_RESULTS);
    }

    /// Keeps a B-scan, and drops the oldest beyond the limit.
    pub(crate) fn put_bscan(&mut self, id: ScanId, bscan: Arc<SegmentedBScan>) {
        let header = self.result(id).map(|result| Arc::clone(&result.facts.header));
        let index = bscan.index;
        let measurements = BScanMeasurements::of(&bscan, header.as_deref());
        self.bscans.retain(|(kept, at, _)| (*kept, *at) != (id, index));
        self.bscans.push_front((id, index, BScanRecord { measurements, segmented: Some(bscan) }));
        let mut bytes = 0;
        let fits = |(_, _, record): &&(ScanId, usize, BScanRecord)| {
            bytes += record.segmented.as_deref().map_or(0, size);
            bytes <= MAX_BYTES
        };
        let kept = self.bscans.iter().take_while(fits).count().max(1);
        self.bscans.truncate(kept);
        if self.pending.as_ref().is_some_and(|wish| wish.scan.id == id && wish.index.is_none_or(|i| i == index)) {
            self.pending = None;
        }
    }

    /// Notes that a wish cannot be fulfilled.
    pub(crate) fn put_failure(&mut self, wish: BScanWish, reason: String) {
        self.pending = self.pending.take().filter(|pending| *pending != wish);
        self.failed = Some((wish, reason));
    }

    /// Forgets everything about the scan `id`, whose results are new.
    pub(crate) fn forget(&mut self, id: ScanId) {
        self.bscans.retain(|(kept, ..)| *kept != id);
        self.results.retain(|(kept, _)| *kept != id);
        self.failed = self.failed.take().filter(|(wish, _)| wish.scan.id != id);
        self.pending = self.pending.take().filter(|wish| wish.scan.id != id);
    }

    /// The kept B-scan of scan `id` at `index`, or the middle one.
    pub(crate) fn bscan(&self, id: ScanId, index: Option<usize>) -> Option<(usize, &BScanRecord)> {
        let index = index.or_else(|| self.result(id).map(|result| result.facts.header.bscans / 2))?;
        let found = self.bscans.iter().find(|(kept, at, _)| (*kept, *at) == (id, index));
        found.map(|(_, at, record)| (*at, record))
    }

    /// The opened result of scan `id`.
    pub(crate) fn result(&self, id: ScanId) -> Option<&Arc<OpenedResult>> {
        self.results.iter().find(|(kept, _)| *kept == id).map(|(_, result)| result)
    }

    /// Why the scan `id` cannot be shown.
    pub(crate) fn failure(&self, id: ScanId) -> Option<&str> {
        self.failed.as_ref().filter(|(wish, _)| wish.scan.id == id).map(|(_, reason)| reason.as_str())
    }

    /// Whether a B-scan of scan `id` is being read.
    pub(crate) fn is_reading(&self, id: ScanId) -> bool {
        self.pending.as_ref().is_some_and(|wish| wish.scan.id == id)
    }
}

/// Bytes of a B-scan: pixels, lesions and lines.
fn size(bscan: &SegmentedBScan) -> usize {
    let pixels = bscan.bscan.width * bscan.bscan.height;
    let lines = bscan.bscan.width * 30 * size_of::<Option<f32>>();
    pixels * size_of::<f32>() + bscan.lesions.as_ref().map_or(0, |_| pixels) + lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::segmented_bscan;

    #[test]
    fn the_oldest_bscans_make_room() {
        let mut shelf = Shelf::default();
        let bscan = segmented_bscan(0, None);
        let one = size(&bscan);
        let fit = MAX_BYTES / one;
        for index in 0..fit + 5 {
            let bscan = SegmentedBScan { index, ..bscan.clone() };
            shelf.put_bscan(ScanId(1), Arc::new(bscan));
        }
        assert_eq!(shelf.bscans.len(), fit);
        assert!(shelf.bscan(ScanId(1), Some(4)).is_none() && shelf.bscan(ScanId(1), Some(fit + 4)).is_some());
        shelf.forget(ScanId(1));
        assert!(shelf.bscan(ScanId(1), Some(fit + 4)).is_none());
    }
}
