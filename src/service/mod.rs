//! The watcher as a service: log file, systemd notifications, and the relay of events to these, metrics and attached
//! screens.
//!
//! The [`Relay`] passes every event to each [`EventSink`] and to the screen; none of them can block the engine. If a part
//! fails, it warns and the watcher continues without it.

mod log;
mod relay;
mod systemd;
mod tally;

pub(crate) use log::{Log, LogFormat, LogOptions};
pub(crate) use relay::{Relay, Slot, Switch};
pub(crate) use systemd::{Systemd, ready, reload};
pub(crate) use tally::Tally;
