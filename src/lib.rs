//! The `octrls` program: command line, settings, doctor, metrics and service.
//!
//! `ARCHITECTURE.md` shows the crates below `crates/` and the way of a scan through them.

pub mod cli;
mod config;
mod doctor;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod service;
