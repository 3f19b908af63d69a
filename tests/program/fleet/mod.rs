//! Watchers and workers with a queue, on a real `nats-server`.
//!
//! Without `nats-server`, the tests are skipped and print so. `just fleet` runs the long form of the endurance test,
//! whose figures are in `docs/reliability.md`.

use crate::{
    dicom_results::scan as tomography,
    support::{self, scans},
};

mod credentials;
mod endurance;
mod failures;
mod hostile;
mod rig;
mod security;
mod work;
