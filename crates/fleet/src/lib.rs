//! The fleet: a watcher sends its scans to workers on other machines, through a queue in NATS JetStream.
//!
//! The watcher's engine works as usual, with its ledger, retries, quarantine and screens; only its [`Processor`]
//! differs. [`Dispatcher`] publishes a scan as a job, relays the worker's progress and fetches the result folder;
//! [`worker::run`] is the other side. `docs/fleet.md` lists subjects, streams and guarantees.
//!
//! Data in the queue:
//!
//! | data | transport | removed |
//! | --- | --- | --- |
//! | `Job` | work-queue stream, one subject per job, hence no duplicates | when it is acknowledged |
//! | scan | object, or path on shared storage | when the outcome is settled |
//! | `Signal`: alive, opened, B-scan | plain message, not stored | once read; may be lost |
//! | results | object | when the outcome is settled |
//! | `Outcome` | stream, one subject per job | when the watcher has settled it |
//!
//! Invariants: a worker acknowledges a job only after storing its outcome. The watcher settles an outcome only after
//! the results are in place. A failure of the queue never counts against a scan: work waits until the queue answers.
//! All data from the queue is untrusted and checked.
//!
//! [`Link`] owns one small async runtime; everything else is synchronous.
//!
//! [`Processor`]: octrls_engine::Processor

mod error;
mod queue;
mod watcher;
pub mod worker;

pub use error::FleetError;
pub use queue::{
    link::Link,
    notifier::Notifier,
    server::{Login, QueueName, Server, ServerUrl},
};
pub use watcher::dispatcher::Dispatcher;
