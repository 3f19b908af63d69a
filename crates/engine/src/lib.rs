//! The engine: watches a folder, decides what is ready, works through it, and tells what happens.
//!
//! It runs the same with any screen or none: it sends [`Event`]s into a channel. Three kinds of threads work
//! together, and share nothing but channels, the ledger and the list of what is in hand:
//!
//! - the *watcher* of each root looks at it and reports which files lie there;
//! - the *scheduler* waits until a file stands still, recognises what was done before, and keeps the queue;
//! - the *workers* run a [`Processor`] on one scan each, and write down in the ledger what became of it.
//!
//! A scan passes through `candidates` (seen, perhaps growing), `backlog` (queued), a worker (running) and ends
//! done, already done, vanished, or quarantined. In memory there is only what has not ended; the ledger knows the
//! rest.

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
