//! Screens: the dashboard, plain lines, JSON lines. Siblings that read the same events.
//!
//! | screen | for | start |
//! | --- | --- | --- |
//! | [`dashboard`] | a person at a terminal | [`dashboard::run`] |
//! | [`plain`] | a log file, a pipe, a dumb terminal | [`plain::run`] |
//! | [`json`] | another program | [`json::run`] |
//!
//! Each blocks until the engine has stopped and returns what became of the scans. [`choose`] tells which one fits.
//! A screen reaches the engine through [`Controls`] alone.
//!
//! Architecture invariant: no screen is needed for the engine to work, and none may hold it up for long.

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
