//! Events that the engine reports to screens and logs.
//!
//! The engine sends [`Event`]s and does not know who reads them: dashboard, plain lines and JSON lines are equal
//! readers. No event carries a patient identifier; a scan is identified by its path below the watched root.

use octrls_core::ErrorCode;
use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use octrls_report::ScanSummary;
use serde::{Deserialize, Serialize};

use octrls_core::{scan::ScanHeader, segment::SegmentedBScan, serde_path};

/// Id of a scan within one process, in the order in which scans were first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScanId(pub u64);

/// An event and its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// Kinds of events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum EventKind {
    /// The engine has started; always the first event.
    Started(Session),
    /// A scan changed its state.
    Scan {
        /// Which scan.
        id: ScanId,
        /// What changed.
        change: ScanChange,
    },
    /// All watched folders became unreachable (`false`), or one is reachable again (`true`). Queued scans are kept
    /// meanwhile.
    RootOnline(bool),
    /// The operator paused (`true`) or resumed (`false`) processing. Files are watched meanwhile.
    Paused(bool),
    /// A message to the operator that is not about a single scan.
    Notice {
        /// How serious it is.
        level: Level,
        /// Stable code, if it is an error or a warning with one.
        code: Option<ErrorCode>,
        /// The message.
        text: String,
    },
    /// The engine is stopping: no new scan starts, the running ones finish.
    Draining {
        /// Number of running scans.
        running: usize,
    },
    /// The engine has stopped; always the last event.
    Stopped(Totals),
}

/// Facts about a session, sent once at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The watched folders.
    #[serde(with = "serde_path::list")]
    pub roots: Vec<PathBuf>,
    /// The results folder.
    #[serde(with = "serde_path")]
    pub out: PathBuf,
    /// Name of the model.
    pub model: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// Number of workers.
    pub workers: usize,
}

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Information only.
    Info,
    /// May need attention.
    Warning,
    /// Needs action.
    Error,
}

/// A state change of one scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ScanChange {
    /// A file was found. It is checked until it stops changing.
    Seen {
        /// Path below the root.
        #[serde(with = "serde_path")]
        path: PathBuf,
        /// Its current size.
        bytes: u64,
    },
    /// The file stopped changing and waits for a worker.
    Queued,
    /// The same content was processed before; nothing to do.
    AlreadyDone,
    /// The file disappeared before it was processed.
    Vanished,
    /// A worker started on it.
    Running {
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// The file's header was read.
    Opened(Arc<ScanHeader>),
    /// A B-scan was segmented and measured.
    BScan(Arc<SegmentedBScan>),
    /// All results are on disk.
    Done(Arc<ScanSummary>),
    /// An attempt failed; a retry follows.
    Retrying {
        /// Stable code of the error.
        code: ErrorCode,
        /// The error message.
        reason: String,
        /// Number of the next attempt.
        next_attempt: u32,
        /// Delay before the next attempt.
        after: Duration,
    },
    /// All attempts failed. The file is in quarantine, with a note beside it.
    Quarantined {
        /// Stable code of the error.
        code: ErrorCode,
        /// The error message.
        reason: String,
    },
}

/// Counts of a session by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Scans with results on disk.
    pub done: u64,
    /// Scans whose content was already processed.
    pub already_done: u64,
    /// Scans in quarantine.
    pub quarantined: u64,
    /// Scans still waiting or unfinished at the end; the next start continues with them.
    pub left: u64,
}

/// A reader of events. Its methods must return quickly.
pub trait EventSink: Send {
    /// Handles an event.
    fn event(&mut self, event: &Event);

    /// Called about once a second.
    fn tick(&mut self) {}
}
