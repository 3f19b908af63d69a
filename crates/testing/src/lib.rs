//! Helpers that several test suites share: what a test needs from outside, files of results, changed seeds.

pub mod e2e;
mod mutations;
mod needs;
mod tables;

use std::path::PathBuf;

pub use mutations::{Target, assert_promises_kept, write_corpora};
pub use needs::{missing, real_data};
pub use tables::{columns, difference};

/// The folder of the project.
#[must_use]
pub fn project() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
