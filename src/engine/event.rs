//! What happens, as every screen learns of it.
//!
//! The engine sends [`Event`]s and knows nothing of who reads them; the dashboard, plain lines and JSON lines are
//! siblings. No event carries an identifier of a patient: a scan is its path below the watched root.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{
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

/// The figures of a finished scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanSummary {
    /// Series of B-scans in the file that have results, each in a folder of its own where there are several.
    pub series: u32,
    /// B-scans in the scan, or in all of its series.
    pub bscans: usize,
    /// Which eye, where known.
    pub eye: Option<Eye>,
    /// Unit of the thicknesses.
    pub unit: ThicknessUnit,
    /// Mean thickness of each layer over all B-scans, in the order of `Layer::ALL`.
    pub mean_thickness: [Option<f32>; LAYERS],
    /// Thickness by subfield, of a volume whose B-scans have their places.
    pub etdrs: Option<EtdrsSummary>,
    /// Whether the results can be trusted.
    pub verdict: Verdict,
    /// Letters of the OSCAR-IB criteria that it does not meet; empty where none.
    pub flags: String,
    /// Mean confidence, 0 to 1.
    pub confidence: f32,
    /// Change since the visit before, in words, where there is one to compare with.
    pub follow_up: Option<String>,
    /// Folder with the results.
    #[serde(with = "serial::path")]
    pub out: PathBuf,
    /// Time from taking the scan to its results on disk.
    #[serde(rename = "seconds", serialize_with = "as_seconds", deserialize_with = "of_seconds")]
    pub elapsed: Duration,
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

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn of_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}
