//! The DICOM peers of a watcher: receives scans and sends results.

use std::{path::Path, sync::Arc};

use octrls_dicom_net::{
    DeliveringProcessor, DeliveryQueue, DeliveryWorker, Listener, ListenerOptions, NodeError, NodeEvent, ResultSender,
    Stop, Undelivered,
};
use octrls_engine::{EngineHandle, Processor};

use crate::cli::{arguments::dicom::WatchDicomArguments, error::coded, output::error_line};

/// The DICOM peers of a watcher, before they are started.
#[derive(Default)]
pub(crate) struct DicomPeers {
    listener: Option<ListenerOptions>,
    delivery: Option<ResultSender>,
    outbox: DeliveryQueue,
}

/// The running DICOM peers of a watcher.
pub(super) struct RunningPeers {
    listener: Option<Listener>,
    courier: Option<(DeliveryWorker, Stop)>,
}

/// Stops the listener and the deliveries.
pub(super) struct PeerStops(Vec<Stop>);

impl DicomPeers {
    /// The peers that the arguments ask for.
    ///
    /// # Errors
    /// When certificates cannot be used.
    pub(crate) fn new(arguments: &WatchDicomArguments) -> anyhow::Result<Self> {
        Ok(Self {
            listener: arguments.receive.options(&arguments.tls)?,
            delivery: arguments.send.delivery(&arguments.tls)?,
            outbox: DeliveryQueue::default(),
        })
    }

    /// The most associations at once; 0 without a listener.
    pub(super) fn max_associations(&self) -> usize {
        self.listener.as_ref().map_or(0, |listener| listener.max_associations)
    }

    /// Wraps `processor` so that its results are delivered, if deliveries were asked for.
    pub(super) fn wrap(&self, processor: Arc<dyn Processor>) -> Arc<dyn Processor> {
        match &self.delivery {
            Some(delivery) => Arc::new(DeliveringProcessor::new(processor, self.outbox.clone(), delivery.clone())),
            None => processor,
        }
    }

    /// Starts listening (into `root`) and delivering (from `out`) for the engine of `remote`.
    pub(super) fn start(self, root: &Path, out: &Path, remote: &EngineHandle) -> anyhow::Result<RunningPeers> {
        let failed = |e: NodeError| coded(e.code(), e);
        let listener = self.listener.map(|options| {
            let remote = remote.clone();
            let notify = move |event: NodeEvent| remote.notice(event.level(), event.code(), event.to_string());
            Listener::start(root, options, notify)
        });
        let listener = listener.transpose().map_err(failed)?;
        let courier = self.delivery.map(|delivery| {
            let (remote, stop) = (remote.clone(), delivery.options.stop.clone());
            let notify = move |level, code, text| remote.notice(level, code, text);
            DeliveryWorker::start(delivery, out.to_owned(), self.outbox, notify).map(|courier| (courier, stop))
        });
        Ok(RunningPeers { listener, courier: courier.transpose().map_err(failed)? })
    }
}

impl RunningPeers {
    pub(super) fn stop(&self) -> PeerStops {
        let listener = self.listener.as_ref().map(Listener::stopper);
        PeerStops(listener.into_iter().chain(self.courier.as_ref().map(|(_, stop)| stop.clone())).collect())
    }

    /// Finishes the transfers in progress and stops; with `deliver_all`, first sends the other results if the target
    /// answers. Returns how many results are still to be delivered.
    pub(super) fn finish(self, deliver_all: bool) -> usize {
        if let Some(listener) = self.listener {
            listener.stopper().drain();
            listener.join();
        }
        let Some((courier, stop)) = self.courier else { return 0 };
        if !deliver_all {
            stop.drain();
        }
        // The engine has stopped, so nothing else would tell.
        let Undelivered { folders, reason } = courier.finish();
        if folders > 0 {
            let reason = reason.map_or_else(String::new, |(code, text)| format!(" ({code}: {text})"));
            error_line(format_args!(
                "octrls: results not delivered: {folders}{reason}; the next start with --send-to tries again"
            ));
        }
        folders
    }
}

impl PeerStops {
    pub(super) fn drain(&self) {
        self.0.iter().for_each(Stop::drain);
    }

    pub(super) fn abort(&self) {
        self.0.iter().for_each(Stop::abort);
    }
}
