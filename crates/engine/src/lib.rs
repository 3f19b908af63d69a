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
mod calendar;
mod candidates;
mod content;
mod crew;
mod disk;
mod error;
mod event;
mod exports;
mod filter;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
mod hands;
mod history;
mod ledger;
mod life;
mod options;
mod outlet;
mod pieces;
mod processor;
mod quarantine;
mod retention;
mod roots;
mod scheduler;
mod segmenter;
mod series;
pub mod sound;
mod stamp;
mod steward;
mod territory;
mod upkeep;
mod watcher;
mod worker;

pub use error::EngineError;
pub use event::{Event, EventKind, EventSink, Level, ScanChange, ScanId, Session, Totals};
pub use handle::{Engine, QUARANTINE_FOLDER, Remote};
pub use handle::{LEDGER_FILE, STATE_FOLDER};
pub use handle::{lock_out, resolve};
pub use hands::grace;
pub use history::{EyeScan, History, HistoryTurn};
pub use ledger::{LedgerEntry, LedgerError, ScanState};
pub use life::{Life, STUCK};
pub use octrls_report::ScanSummary;
pub use options::{EngineOptions, ModelFacts, Tuning};
pub use outlet::is_due;
pub use processor::is_of_the_disk;
pub use processor::{ProcessError, Processor};
pub use segmenter::digest;
pub use segmenter::{Segmenter, SegmenterOptions};
pub use steward::{Quarantined, Redo, Steward, StewardError};
