//! One scan in the dashboard's model.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use octrls_core::{
    ErrorCode,
    measure::Verdict,
    scan::{Eye, ScanHeader},
    segment::SegmentedBScan,
};
use octrls_engine::{Review, ScanId, ScanSummary};
use serde::{Deserialize, Serialize};

use super::BScanMeasurements;

/// The state of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ScanState {
    Seen,
    Queued,
    Running,
    Retry {
        due: Timestamp,
        code: ErrorCode,
        reason: String,
    },
    Done,
    Known,
    Vanished,
    Quarantined {
        code: ErrorCode,
        reason: String,
    },
    /// Its watcher ended while it was processed.
    Interrupted,
    /// Its results were removed because of their age.
    Expired,
}

impl ScanState {
    /// The state as a word, the same on all screens.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retry { .. } => "retry",
            Self::Done => "done",
            Self::Known => "known",
            Self::Vanished => "vanished",
            Self::Quarantined { .. } => "quarantined",
            Self::Interrupted => "interrupted",
            Self::Expired => "expired",
        }
    }

    /// The state as a character.
    pub(crate) const fn glyph(&self) -> char {
        match self {
            Self::Seen => '◌',
            Self::Queued => '·',
            Self::Running => '▶',
            Self::Retry { .. } => '↻',
            Self::Done => '✓',
            Self::Known => '=',
            Self::Vanished => '∅',
            Self::Quarantined { .. } => '✗',
            Self::Interrupted => '¦',
            Self::Expired => '×',
        }
    }

    /// Whether nothing more will happen to the scan by itself, and it may have results.
    pub(crate) const fn is_finished(&self) -> bool {
        matches!(self, Self::Done | Self::Known)
    }
}

/// One B-scan of a scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BScanRecord {
    pub(crate) measurements: BScanMeasurements,
    /// Pixels, boundaries and profiles, while they are kept. Serialized separately because they are large.
    #[serde(skip)]
    pub(crate) segmented: Option<Arc<SegmentedBScan>>,
}

/// One scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScanRecord {
    pub(crate) id: ScanId,
    /// Path below the root.
    pub(crate) name: String,
    /// Size of its file when it was last seen.
    pub(crate) bytes: u64,
    pub(crate) state: ScanState,
    /// Known once the file was opened.
    pub(crate) header: Option<Arc<ScanHeader>>,
    /// Known once the scan is done.
    pub(crate) summary: Option<Arc<ScanSummary>>,
    /// B-scans of this attempt whose measurements are kept, by index.
    pub(crate) bscans: BTreeMap<usize, BScanRecord>,
    /// B-scans segmented so far in this attempt.
    pub(crate) progress: usize,
    /// Index of the latest B-scan.
    pub(crate) latest: Option<usize>,
    pub(crate) attempt: u32,
    /// Time of the last change of the state.
    pub(crate) changed: Timestamp,
    /// Time when this attempt started.
    pub(crate) started: Option<Timestamp>,
    /// Whether only the ledger knows it: it was not seen by this engine.
    #[serde(skip)]
    pub(crate) past: bool,
    /// Folder with its results, as the ledger names it.
    #[serde(skip)]
    pub(crate) folder: Option<PathBuf>,
    /// Reviews of its present result, oldest first.
    #[serde(skip)]
    pub(crate) reviews: Vec<Review>,
}

impl ScanRecord {
    pub(crate) fn new(id: ScanId, name: String, at: Timestamp) -> Self {
        Self {
            id,
            name,
            bytes: 0,
            state: ScanState::Seen,
            header: None,
            summary: None,
            bscans: BTreeMap::new(),
            progress: 0,
            latest: None,
            attempt: 0,
            changed: at,
            started: None,
            past: false,
            folder: None,
            reviews: Vec::new(),
        }
    }

    /// Folder with its results, if it is known.
    pub(crate) fn result_folder(&self) -> Option<PathBuf> {
        self.summary.as_ref().map(|summary| summary.out.clone()).or_else(|| self.folder.clone())
    }

    /// The last decision of a reviewer.
    pub(crate) fn decision(&self) -> Option<&Review> {
        self.reviews.iter().rfind(|review| review.state.is_decision())
    }

    /// Whether a person should look at the result, and nobody has decided on it.
    pub(crate) fn wants_eyes(&self) -> bool {
        let asks = |summary: &ScanSummary| {
            let changed = summary.follow_up.as_deref().is_some_and(is_beyond_repeatability);
            summary.verdict != Verdict::Good || !summary.flags.is_empty() || !summary.findings.is_empty() || changed
        };
        self.state.is_finished() && self.decision().is_none() && self.summary.as_deref().is_some_and(asks)
    }

    /// Which eye, if known.
    pub(crate) fn eye(&self) -> Option<Eye> {
        let of_header = self.header.as_ref().and_then(|header| header.eye);
        of_header.or_else(|| self.summary.as_ref().and_then(|summary| summary.eye))
    }

    /// Number of B-scans, once the header was read.
    pub(crate) fn bscan_count(&self) -> Option<usize> {
        self.header.as_ref().map(|h| h.bscans).or_else(|| self.summary.as_ref().map(|s| s.bscans))
    }

    /// The kept B-scan at `index`, or the latest one.
    pub(crate) fn bscan(&self, index: Option<usize>) -> Option<(usize, &BScanRecord)> {
        let index = index.or(self.latest)?;
        self.bscans.get(&index).map(|bscan| (index, bscan))
    }
}

/// Whether the comparison with an earlier visit, in words, names a change beyond repeatability.
fn is_beyond_repeatability(words: &str) -> bool {
    words.contains("beyond repeatability") && !words.contains(": 0 of ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_its_words() {
        assert!(is_beyond_repeatability("since 2026-01-02: 2 of 9 beyond repeatability: nfl -5.0 um"));
        assert!(!is_beyond_repeatability("since 2026-01-02: 0 of 9 beyond repeatability"));
        assert!(!is_beyond_repeatability("since 2026-01-02: repeatability not known for any measure"));
    }
}
