//! Watchers and workers with a queue, on a real `nats-server`.
//!
//! Without `nats-server`, the tests are skipped and print so. `just fleet` runs the long form of the endurance test,
//! whose figures are in `docs/reliability.md`.

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
