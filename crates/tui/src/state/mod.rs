//! The dashboard's model: updated by events, without IO or a clock of its own.

mod figures;
mod journal;
mod model;
mod rates;
mod scan;
mod snapshot;

pub(crate) use figures::{Figures, LayerFigures};
pub(crate) use journal::Journal;
pub(crate) use model::Model;
pub(crate) use rates::Rates;
pub(crate) use scan::{Frame, Scan, State};
