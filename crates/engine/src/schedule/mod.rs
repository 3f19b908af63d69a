//! Queues scans, assigns them to workers, and enforces limits of time, disk space and age.

pub(crate) mod backlog;
pub(crate) mod clock_guard;
pub(crate) mod disk;
mod health;
pub(crate) mod heartbeat;
pub(crate) mod in_flight;
pub(crate) mod operators;
pub(crate) mod retention;
pub(crate) mod scheduler;
pub(crate) mod second_look;
mod settling;
pub(crate) mod worker_pool;
