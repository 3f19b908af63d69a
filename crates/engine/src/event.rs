//! What happens, as every screen learns of it.
//!
//! The engine sends [`Event`]s and knows nothing of who reads them; the dashboard, plain lines and JSON lines are
//! siblings. No event carries an identifier of a patient: a scan is its path below the watched root.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use octrls_report::ScanSummary;
use serde::{Deserialize, Serialize};

use octrls_core::{
    layer::LAYERS,
    measure::{EtdrsSummary, ThicknessUnit, Verdict},
    scan::{Eye, ScanHeader},
    segment::SegmentedBScan,
    serial::{self, StaticStr, fixed, fixed_option, shared},
};

/// Names one scan while a process lives; in the order in which scans were first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScanId(pub u64);

/// One thing that happened, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum EventKind {
    /// The engine is up; always the first event.
    Started(Session),
    /// A scan changed its state.
    Scan {
        /// Which scan.
        id: ScanId,
        /// What changed.
        change: ScanChange,
    },
    /// The watched folder, or the last of several that was still there, went away, or one came back; nothing is forgotten
    /// meanwhile.
    RootOnline(bool),
    /// The operator holds scans back from the workers, or no longer does; files are watched meanwhile.
    Paused(bool),
    /// Something an operator should read that concerns no single scan.
    Notice {
        /// How serious it is.
        level: Level,
        /// Stable code of an error, where it is one.
        #[serde(with = "fixed_option")]
        code: Option<StaticStr>,
        /// The message.
        text: String,
    },
    /// No further scan is taken; the running ones are finished.
    Draining {
        /// Scans still in work.
        running: usize,
    },
    /// The engine has stopped; always the last event.
    Stopped(Totals),
}

/// What the engine works with, told once at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The watched folders.
    #[serde(with = "serial::paths")]
    pub roots: Vec<PathBuf>,
    /// Where results go.
    #[serde(with = "serial::path")]
    pub out: PathBuf,
    /// Name of the model.
    pub model: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// Scans that are worked on at once.
    pub workers: usize,
}

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the record.
    Info,
    /// Worth a look.
    Warning,
    /// Needs a person.
    Error,
}

/// A change in the life of one scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ScanChange {
    /// A file was found; its size and modification time are being watched.
    Seen {
        /// Path below the root.
        #[serde(with = "serial::path")]
        path: PathBuf,
        /// Its size now.
        bytes: u64,
    },
    /// The file stood still and waits for a worker.
    Queued,
    /// The same content was processed before; nothing is done.
    AlreadyDone,
    /// The file went away before it was taken.
    Vanished,
    /// A worker took it.
    Running {
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// The file's header was read.
    Opened(#[serde(with = "shared")] Arc<ScanHeader>),
    /// One B-scan is segmented and measured.
    BScan(#[serde(with = "serial::bscan")] Arc<SegmentedBScan>),
    /// All results are on disk.
    Done(#[serde(with = "shared")] Arc<ScanSummary>),
    /// An attempt failed, another follows.
    Retrying {
        /// Stable code of the error.
        #[serde(with = "fixed")]
        code: StaticStr,
        /// The error in words.
        reason: String,
        /// The attempt that comes next.
        next_attempt: u32,
        /// When it comes.
        after: Duration,
    },
    /// No attempt succeeded; the file lies in the quarantine folder, the reason beside it.
    Quarantined {
        /// Stable code of the error.
        #[serde(with = "fixed")]
        code: StaticStr,
        /// The error in words.
        reason: String,
    },
}

/// What became of the scans of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Scans with results on disk.
    pub done: u64,
    /// Scans whose content was known already.
    pub already_done: u64,
    /// Scans in quarantine.
    pub quarantined: u64,
    /// Scans that were waiting or unfinished at the end; the next start takes them up.
    pub left: u64,
}

/// Reads events, and never waits for long.
pub trait EventSink: Send {
    /// Takes note of an event.
    fn event(&mut self, event: &Event);

    /// About a second has passed.
    fn tick(&mut self) {}
}
