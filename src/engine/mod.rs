//! The engine: watches a folder, decides what is ready, works through it, and tells what happens.
//!
//! It runs the same with any screen or none: it sends [`Event`]s into a channel.

mod event;
mod processor;
mod segmenter;

pub use event::{Event, EventKind, Level, ScanChange, ScanId, ScanSummary, Session, Totals};
pub use processor::{ProcessError, Processor};
pub use segmenter::Segmenter;
