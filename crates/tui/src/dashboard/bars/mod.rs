//! The single lines above and below the panels.

pub(crate) mod counters;
pub(crate) mod header;
pub(crate) mod hints;
