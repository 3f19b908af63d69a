//! The queue in NATS JetStream, for both sides.

pub(crate) mod archive;
mod connect;
pub(crate) mod jetstream_queue;
pub(crate) mod link;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod notifier;
pub(crate) mod object_io;
pub(crate) mod server;
