//! Watchers and workers that share the work by a queue, with a real `nats-server`.
//!
//! Without that program the tests say that they are skipped. `just fleet` runs the long form of the last one, whose figures are
//! in `docs/reliability.md`.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod credentials;
mod endurance;
mod hostile;
mod rig;
#[path = "../support/scans.rs"]
mod scans;
mod security;
#[path = "../support/mod.rs"]
mod support;
#[path = "../dicom_results/scan.rs"]
#[allow(dead_code, reason = "only a series is needed here")]
mod tomography;
mod trouble;
mod work;
