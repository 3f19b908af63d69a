//! The fleet: a watcher that hands its scans to workers on other boxes, by a queue in NATS JetStream.
//!
//! The watcher's engine stays as it is, with its ledger, retries, quarantine and screens; only its [`Processor`] differs.
//! [`Dispatcher`] publishes a scan as a job, relays what a worker says of it, and brings the result folder home; [`worker::run`]
//! is the other side. `docs/fleet.md` names subjects, streams and guarantees.
//!
//! What travels:
//!
//! | what | by | until |
//! | --- | --- | --- |
//! | a [`wire::Job`] | a work-queue stream, one subject for each job, hence never twice | acknowledged, when its outcome is stored |
//! | the scan | an object, or a path on storage that both see | the outcome is settled |
//! | [`wire::Signal`]s: taken, alive, opened, B-scan | plain messages that nobody stores | read, or lost |
//! | the results | an object | the outcome is settled |
//! | an [`wire::Outcome`] | a stream, one subject for each job | the watcher has settled it |
//!
//! Invariants: a worker acknowledges a job after its outcome is stored, and not before. The watcher settles an outcome after
//! the results are in place, and not before. Trouble with the queue is never a scan's: it is waited for. Whatever comes from
//! the queue is checked as if a stranger had put it there.
//!
//! One small runtime lives in [`link::Link`]; everything outside is synchronous.
//!
//! [`Processor`]: octrls_engine::Processor

mod dispatcher;
mod errand;
mod error;
mod inbox;
mod labour;
mod leftovers;
mod link;
mod parcel;
mod scratch;
mod server;
mod stations;
mod turn;
mod wire;
pub mod worker;

pub use dispatcher::Dispatcher;
pub use error::FleetError;
pub use link::{Link, Teller};
pub use server::{Login, QueueName, Server, ServerUrl};
