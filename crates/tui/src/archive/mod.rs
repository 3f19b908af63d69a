//! Finished scans, read again from the results folder and the scan's own file.
//!
//! ```text
//!  screen ── wants a B-scan, acts on the ledger ──▶ Archive (a thread) ── ledger, result folders, scan files
//!         ◀── ledger entries, summaries, B-scans ──
//! ```
//! The screen never waits: it shows what it has, and draws again when an answer arrives. Only the latest wish for a
//! B-scan counts. The thread keeps one scan open, so that the next B-scan of it is read at once.

mod ledger_scans;
mod open_scan;
mod shelf;
mod worker;

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use octrls_core::{measure::enface::ThicknessMap, scan::ScanHeader, segment::SegmentedBScan};
use octrls_engine::{ScanId, ScanSummary};
use octrls_report::{BScanLines, Grid, StoredResult};

pub(crate) use ledger_scans::{LedgerScan, LedgerState};
pub(crate) use shelf::Shelf;

/// What a screen wants of the archive.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// The scans of the ledger, then their summaries.
    Ledger,
    /// A B-scan of a finished scan.
    BScan(BScanWish),
    /// The lines of a finished scan, to correct them.
    Lines(ScanWish),
}

/// A finished scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanWish {
    pub(crate) id: ScanId,
    /// Path below the root.
    pub(crate) name: String,
    /// Folder with its results; `None` to look it up in the ledger.
    pub(crate) folder: Option<PathBuf>,
}

/// A B-scan of a finished scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BScanWish {
    pub(crate) scan: ScanWish,
    /// `None` for the middle one.
    pub(crate) index: Option<usize>,
}

/// What the archive found.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The scans of the ledger, newest first.
    Ledger(Result<Vec<LedgerScan>, String>),
    /// The summary of a scan.
    Summary { name: String, facts: Facts },
    /// A scan was opened.
    Opened { id: ScanId, scan: Arc<OpenedResult> },
    /// A B-scan of an opened scan.
    BScan { id: ScanId, bscan: Arc<SegmentedBScan> },
    /// The lines of a scan, or why they cannot be corrected.
    Lines { wish: ScanWish, lines: Result<ScanLines, String> },
    /// The scan or the B-scan cannot be shown.
    Failed { wish: BScanWish, reason: String },
}

/// What is known of a scan without its tables.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) header: Arc<ScanHeader>,
    pub(crate) summary: Arc<ScanSummary>,
}

/// The lines of a result.
#[derive(Debug)]
pub(crate) struct ScanLines {
    /// Those of every B-scan.
    pub(crate) lines: Vec<BScanLines>,
    pub(crate) grid: Grid,
    /// When the result was made.
    pub(crate) created: Timestamp,
}

/// A scan that was opened again.
#[derive(Debug)]
pub(crate) struct OpenedResult {
    pub(crate) result: StoredResult,
    pub(crate) facts: Facts,
    /// Thickness over the scanned area, in the order of `Measured::all`.
    pub(crate) maps: Option<Vec<ThicknessMap>>,
    /// Why there are no pixels; the lines are shown without them.
    pub(crate) without_pixels: Option<String>,
}
