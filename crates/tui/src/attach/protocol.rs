//! The messages between server and client.

use std::sync::Arc;

use octrls_core::segment::SegmentedBScan;
use octrls_engine::{Event, ScanId};
use serde::{Deserialize, Serialize};

use crate::{LedgerChange, state::Model};

/// Version of the messages; increment it with each change to a type in them.
pub(super) const PROTOCOL: u32 = 5;

/// A message of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// The engine's state, without pixels.
    State(Box<Model>),
    /// The pixels of a B-scan in that state.
    BScan(ScanId, Arc<SegmentedBScan>),
    /// The state is complete.
    Live,
    /// A later event.
    Event(Box<Event>),
}

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Request {
    Drain,
    Abort,
    Pause(bool),
    Rescan,
    Retry(ScanId),
    ChangeLedger(LedgerChange),
}
