//! Helpers that several test suites share.

pub mod e2e;
mod mutations;
pub mod pictures;
mod requirements;
mod tables;

use std::path::PathBuf;

pub use mutations::{Target, assert_never_panics, write_corpora};
pub use requirements::{cases, missing, real_data};
pub use tables::{columns, difference};

/// The folder of the project.
#[must_use]
pub fn project() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
