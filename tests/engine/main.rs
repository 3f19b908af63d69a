//! Tests of the engine through its events and files: mostly with a processor that only copies, and with the whole
//! program for follow-up.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod bounds;
mod commands;
mod failures;
mod follow_up;
mod intake;
mod names;
mod restart;
mod rig;
mod root;
mod roots;
mod series;
#[path = "../support/stub.rs"]
mod stub;
#[path = "../support/mod.rs"]
mod support;
