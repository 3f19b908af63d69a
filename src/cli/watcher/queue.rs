//! Sends the scans of a watcher to a queue.

use std::{path::Path, sync::Arc, time::Duration};

use octrls_core::{ErrorCode, network::Network};
use octrls_engine::{EngineHandle, Level, Processor, SegmenterOptions};
use octrls_fleet::{Dispatcher, FleetError, Link, Notifier};

use crate::cli::{arguments::queue::Queue, error::coded};

/// Connects to the queue; returns the processor, which writes results below `out`, and the queue's messages.
pub(super) fn dispatch(
    queue: &Queue,
    network: &Network,
    options: SegmenterOptions,
    out: &Path,
    limit: Option<Duration>,
) -> anyhow::Result<(Arc<dyn Processor>, QueueMessages)> {
    let failed = |e: FleetError| coded(e.code(), e);
    let notifier = Notifier::default();
    let link = Link::open(&queue.server, notifier.clone()).map_err(failed)?;
    let dispatcher = Dispatcher::start(link, network, options, out, queue.share.as_deref(), limit).map_err(failed)?;
    Ok((Arc::new(dispatcher), QueueMessages(notifier)))
}

/// The queue's messages for the operator.
pub(super) struct QueueMessages(Notifier);

impl QueueMessages {
    /// Passes the messages on as notices from now on.
    pub(super) fn forward(self, engine: EngineHandle, no_follow_up: bool) {
        if !no_follow_up {
            let text = "scans sent to a queue are not compared with earlier visits: workers cannot read the history";
            engine.notice(Level::Info, Some(ErrorCode::FleetFollowUp), text.to_owned());
        }
        self.0.listen(move |level, code, text| engine.notice(level, code, text));
    }
}
