//! The engine with a processor that only copies, seen from outside: by its events and by what lies on disk.

#![cfg(feature = "app")]
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod failures;
mod intake;
mod restart;
mod rig;
mod root;
