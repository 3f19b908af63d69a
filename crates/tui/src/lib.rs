//! Screens: the dashboard, plain lines and JSON lines, which all read the same events.
//!
//! | screen | purpose | start |
//! | --- | --- | --- |
//! | [`dashboard`] | a person at a terminal | [`dashboard::TerminalSession::run`] |
//! | [`plain`] | a log file, a pipe, a dumb terminal | [`plain::run`] |
//! | [`json`] | another program | [`json::run`] |
//!
//! Each blocks until the engine has stopped and returns the number of scans by outcome. [`ScreenKind::select`]
//! selects the one that fits. A screen reaches the engine only through [`Controls`].
//!
//! Invariant: the engine works without a screen, and no screen delays it for long.

mod archive;
pub mod attach;
mod controls;
pub mod dashboard;
mod display_path;
mod editor;
#[doc(hidden)]
pub mod fixtures;
mod ledger_changes;
mod lines;
mod screen_kind;
mod short_findings;
mod state;

pub use controls::Controls;
pub use display_path::display_path;
pub use ledger_changes::{Corrections, LedgerChange, LedgerChanges};
pub use lines::{json, plain};
pub use screen_kind::ScreenKind;
pub use state::Model;
