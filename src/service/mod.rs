//! What a watcher does beside its work when nobody looks: a log, screens that attach, figures for monitoring, signs of life
//! for systemd.
//!
//! All of it reads the engine's events, and none of it can hold the engine up: the [`Relay`] passes every event to each
//! [`EventSink`] and to the screen. A part that fails says so, and the watcher works on without it.

mod log;
mod relay;
mod systemd;
mod tally;

pub(crate) use log::{Log, LogFormat, LogOptions};
pub(crate) use relay::{Relay, Slot, Switch};
pub(crate) use systemd::{Systemd, ready, reload};
pub(crate) use tally::Tally;
