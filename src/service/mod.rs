//! The watcher as a service: log file, systemd notifications, and the relay of events to these, metrics and attached
//! screens.
//!
//! The [`Relay`] passes every event to each [`EventSink`](octrls_engine::EventSink) and to the screen; none of them can
//! block the engine. If a part fails, it warns and the watcher continues without it.

pub(crate) mod diagnostics;
mod log;
mod relay;
mod result_hook;
mod rotating_file;
mod scan_counts;
pub(crate) mod systemd;

pub(crate) use log::{Log, LogFormat, LogOptions};
pub(crate) use relay::{Relay, Slot, Switch};
pub(crate) use result_hook::{HookOptions, PostAddress, ResultHook};
pub(crate) use scan_counts::ScanCounts;
pub(crate) use systemd::Systemd;
