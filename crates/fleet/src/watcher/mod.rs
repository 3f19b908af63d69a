//! The watcher's side: sends scans to workers and fetches their results.

mod cleanup;
pub(crate) mod dispatcher;
mod job_input;
mod message_router;
mod remote_job;
mod state;
