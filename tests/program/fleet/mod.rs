//! Watchers and workers with a queue, on a real `nats-server`.
//!
//! Without `nats-server`, the tests are skipped and print so. `just fleet` runs the long form of the endurance test,
//! whose figures are in `docs/reliability.md`.

mod credentials;
mod endurance;
mod hostile;
mod rig;
use crate::support;
use crate::support::scans;
mod security;
use crate::dicom_results::scan as tomography;
mod failures;
mod work;
