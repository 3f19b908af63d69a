//! The dashboard's model: updated by events, without IO or a clock of its own.

mod journal;
mod measurements;
mod model;
mod past;
mod query;
mod rates;
mod scan;

pub(crate) use journal::Journal;
pub(crate) use measurements::{BScanMeasurements, LayerMeasurements};
pub use model::Model;
pub(crate) use query::{Query, SortBy};
pub(crate) use rates::Rates;
pub(crate) use scan::{BScanRecord, ScanRecord, ScanState};
