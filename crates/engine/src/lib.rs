//! The engine: watches folders, queues files that are ready, processes them and reports events.
//!
//! It runs the same with or without a screen: it sends [`Event`]s into a channel. Three kinds of threads share only
//! channels, the ledger and the list of running scans:
//!
//! - a *watcher* for each root looks for files and reports them;
//! - the *scheduler* waits until a file stops changing, skips what is already done and keeps the queue;
//! - the *workers* each run a [`Processor`] on one scan and record the outcome in the ledger.
//!
//! A scan passes through `candidates` (seen, maybe still growing), `backlog` (queued) and a worker (running). It ends
//! as done, already done, vanished or quarantined. Only unfinished scans are in memory; the ledger knows the rest.

mod admin;
mod backlog;
mod candidates;
mod clock_guard;
mod content;
mod disk;
mod error;
mod event;
mod event_sender;
mod exports;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handle;
mod heartbeat;
mod history;
mod in_flight;
mod ledger;
mod maintenance;
mod options;
mod ordered_parallel;
mod processor;
mod quarantine;
mod retention;
mod roots;
mod scheduler;
mod segmenter;
mod series;
mod stamp;
pub mod validate;
mod watch_scope;
mod watcher;
mod worker;
mod worker_pool;

pub use admin::{LedgerAdmin, LedgerAdminError, Quarantined, Redo};
pub use error::EngineError;
pub use event::{Event, EventKind, EventSink, Level, ScanChange, ScanId, Session, Totals};
pub use event_sender::is_due;
pub use handle::{Engine, EngineHandle, QUARANTINE_FOLDER};
pub use handle::{LEDGER_FILE, STATE_FOLDER};
pub use handle::{lock_results, resolve};
pub use heartbeat::{Heartbeat, STUCK_AFTER};
pub use history::{EyeScan, History, HistoryGuard};
pub use in_flight::grace_period;
pub use ledger::{LedgerEntry, LedgerError, ScanState};
pub use octrls_report::ScanSummary;
pub use options::{EngineOptions, ModelFacts, Tuning};
pub use processor::is_storage_error;
pub use processor::{ProcessError, Processor};
pub use segmenter::digest;
pub use segmenter::{Segmenter, SegmenterOptions};
