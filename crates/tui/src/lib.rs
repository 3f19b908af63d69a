//! Screens: the dashboard, plain lines and JSON lines, which all read the same events.
//!
//! | screen | purpose | start |
//! | --- | --- | --- |
//! | [`dashboard`] | a person at a terminal | [`dashboard::run`] |
//! | [`plain`] | a log file, a pipe, a dumb terminal | [`plain::run`] |
//! | [`json`] | another program | [`json::run`] |
//!
//! Each blocks until the engine has stopped and returns the number of scans by outcome. [`choose`] selects the one that
//! fits. A screen reaches the engine only through [`Controls`].
//!
//! Invariant: the engine works without a screen, and no screen delays it for long.

pub mod attach;
mod choice;
mod controls;
pub mod dashboard;
#[doc(hidden)]
pub mod fixtures;
pub mod json;
mod lines;
pub mod plain;
pub(crate) mod state;

pub use choice::{ScreenKind, choose, choose_for};
pub use controls::Controls;
pub use dashboard::{DashboardOptions, ImageMode};
pub use lines::printed;

#[cfg(test)]
mod lines_tests;
