//! One scan in the dashboard's model.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use octrls_core::{ErrorCode, scan::ScanHeader, segment::SegmentedBScan};
use octrls_engine::{ScanId, ScanSummary};
use serde::{Deserialize, Serialize};

use super::BScanMeasurements;

/// The state of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ScanState {
    Seen,
    Queued,
    Running,
    Retry { due: Timestamp, code: ErrorCode, reason: String },
    Done,
    Known,
    Vanished,
    Quarantined { code: ErrorCode, reason: String },
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
        }
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
        }
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
