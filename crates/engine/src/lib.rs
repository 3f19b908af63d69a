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

mod backlog;
mod clock_guard;
mod candidates;
mod content;
mod worker_pool;
mod disk;
mod error;
mod event;
mod exports;
mod filter;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
mod in_flight;
mod history;
mod ledger;
mod heartbeat;
mod options;
mod event_sender;
mod ordered_parallel;
mod processor;
mod quarantine;
mod retention;
mod roots;
mod scheduler;
mod segmenter;
mod series;
pub mod validate;
mod stamp;
mod admin;
mod watch_scope;
mod maintenance;
mod watcher;
mod worker;

pub use error::EngineError;
pub use event::{Event, EventKind, EventSink, Level, ScanChange, ScanId, Session, Totals};
pub use handle::{Engine, QUARANTINE_FOLDER, EngineHandle};
pub use handle::{LEDGER_FILE, STATE_FOLDER};
pub use handle::{lock_results, resolve};
pub use in_flight::grace_period;
pub use history::{EyeScan, History, HistoryGuard};
pub use ledger::{LedgerEntry, LedgerError, ScanState};
pub use heartbeat::{Heartbeat, STUCK_AFTER};
pub use octrls_report::ScanSummary;
pub use options::{EngineOptions, ModelFacts, Tuning};
pub use event_sender::is_due;
pub use processor::is_storage_error;
pub use processor::{ProcessError, Processor};
pub use segmenter::digest;
pub use segmenter::{Segmenter, SegmenterOptions};
pub use admin::{Quarantined, Redo, LedgerAdmin, LedgerAdminError};
