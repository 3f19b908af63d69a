//! The engine: watches folders, queues files that are ready, processes them and reports events.
//!
//! It runs the same with or without a screen: it sends [`Event`]s into a channel. Three kinds of threads share only
//! channels, the ledger and the lists of unfinished scans:
//!
//! - a *watcher* for each root (`intake`) finds files, skips what the ledger knows and reports a scan when its files stop
//!   changing;
//! - the *scheduler* (`schedule`) queues these scans and assigns them to workers;
//! - the *workers* (`work`) each run a [`Processor`] on one scan and record the outcome in the ledger.
//!
//! A scan is first a candidate (seen, maybe still growing), then queued, then running. It ends as done, already done,
//! vanished or quarantined. Only unfinished scans are in memory; the ledger knows the rest.

mod admin;
mod audit;
mod correction;
mod edited_file;
mod engine;
mod error;
mod event;
mod event_sender;
mod folders;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod history;
mod intake;
mod ledger;
mod measured_scan;
mod options;
mod panics;
mod quarantine;
mod recentre;
mod review;
mod schedule;
mod training_set;
pub mod validate;
mod work;

pub use admin::{LedgerAdmin, LedgerAdminError, Redo};
pub use audit::{AuditAction, AuditChange, AuditEntry, AuditError, AuditLog};
pub use correction::{Corrected, CorrectionError, CorrectionOptions, Corrector, correct, edited_lines};
pub use edited_file::edited_in_file;
pub use engine::{Engine, EngineHandle, resolve};
pub use error::EngineError;
pub use event::{Event, EventKind, EventSink, Level, ScanChange, ScanId, Session, Totals};
pub use event_sender::is_due;
pub use folders::{LEDGER_FILE, QUARANTINE_FOLDER, STATE_FOLDER, is_in_use, lock_results, result_folder};
pub use history::{EyeScan, History, HistoryGuard, Pseudonyms};
pub use ledger::{LedgerEntry, LedgerError, ScanState};
pub use measured_scan::MeasuredScan;
pub use options::{EngineOptions, ModelFacts, Tuning};
pub use panics::describe_panic;
pub use quarantine::Quarantined;
pub use recentre::recentre;
pub use review::{MAX_COMMENT, MAX_REVIEWER, REVIEW_FILE, Review, ReviewError, ReviewState};
pub use schedule::heartbeat::{Heartbeat, STUCK_AFTER};
pub use training_set::{TrainingSet, TrainingSetCounts, TrainingSetError};
pub use work::{
    content::digest,
    guarded::{TimeLimit, process_guarded},
    processor::{Cancelled, ProcessError, Processor, ScanSummary, ScanTask, is_fault_of_machine},
    segmenter::{Segmenter, SegmenterOptions},
};
