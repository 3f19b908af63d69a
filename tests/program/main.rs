//! The whole program from outside, and its crates working together.
//!
//! One binary for all of it, since linking it takes longer than most tests.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod cases;
mod command_line;
mod compatibility;
mod confined;
mod dicom_net;
mod dicom_results;
mod end_to_end;
mod endurance;
mod engine;
mod export;
mod fleet;
mod identity;
mod pictures;
mod real_scans;
mod recentre;
mod review;
mod screen;
mod service;
mod support;
mod volumes;
