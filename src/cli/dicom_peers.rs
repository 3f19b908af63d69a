//! DICOM peers of `watch` and `segment`: receives scans and sends results.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use octrls_dicom_net::{
    DeliveryQueue, DeliveryWorker, Listener, ListenerOptions, NodeError, NodeEvent, ResultSender, Stop,
};
use octrls_engine::{Cancelled, EngineHandle, ProcessError, Processor, ScanChange, ScanSummary, ScanTask};

pub(super) use octrls_dicom_net::is_delivered;

use super::{
    coded,
    node_args::{SendToArguments, WatchReceiveArguments},
};

#[derive(Args)]
pub(super) struct WatchNetArguments {
    #[command(flatten)]
    receive: WatchReceiveArguments,
    #[command(flatten)]
    send: SendToArguments,
}

#[derive(Args)]
pub(super) struct SegmentNetArguments {
    #[command(flatten)]
    send: SendToArguments,
}

impl WatchNetArguments {
    pub(super) fn dicom_peers(&self) -> DicomPeers {
        DicomPeers {
            listener: self.receive.options(),
            delivery: self.send.delivery(),
            outbox: DeliveryQueue::default(),
        }
    }
}

impl SegmentNetArguments {
    /// Delivers finished results; returns how many folders were not delivered completely.
    pub(super) fn deliver(&self, folders: &[PathBuf]) -> usize {
        let Some(delivery) = self.send.delivery() else { return 0 };
        let mut undelivered = 0;
        for (tried, folder) in folders.iter().enumerate() {
            match delivery.deliver(folder) {
                Ok(outcomes) => {
                    let failures = outcomes.iter().filter_map(|o| Some((&o.path, o.result.as_ref().err()?)));
                    let told = failures.map(|(path, e)| eprintln!("{}  {}: {e}", path.display(), e.code())).count();
                    undelivered += usize::from(told > 0);
                }
                Err(error) => {
                    // The node is unreachable, so the others would fail too, each after all its retries.
                    eprintln!("{}: {error}; the results stay in the results folder", error.code());
                    return undelivered + folders.len() - tried;
                }
            }
        }
        undelivered
    }
}

/// The DICOM peers of a watcher, before they are started.
#[derive(Default)]
pub(super) struct DicomPeers {
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
pub(super) struct Stops(Vec<Stop>);

impl DicomPeers {
    /// Wraps `processor` so that its results are delivered, if deliveries were asked for.
    pub(super) fn served_by(&self, processor: Arc<dyn Processor>) -> Arc<dyn Processor> {
        match self.delivery {
            Some(ref delivery) => {
                Arc::new(Delivered { processor, outbox: self.outbox.clone(), delivery: delivery.clone() })
            }
            None => processor,
        }
    }

    /// Starts listening (into `root`) and delivering (from `out`) for the engine of `remote`.
    pub(super) fn start(self, root: &Path, out: &Path, remote: &EngineHandle) -> anyhow::Result<RunningPeers> {
        let failed = |e: NodeError| coded(e.code(), e);
        let listener = self.listener.map(|options| {
            let remote = remote.clone();
            let tell = move |event: NodeEvent| remote.notice(event.level(), event.code(), event.to_string());
            Listener::start(root, options, tell)
        });
        let listener = listener.transpose().map_err(failed)?;
        let courier = self.delivery.map(|delivery| {
            let (remote, stop) = (remote.clone(), delivery.options.stop.clone());
            let tell = move |level, code, text| remote.notice(level, code, text);
            DeliveryWorker::start(delivery, out.to_owned(), self.outbox, tell).map(|courier| (courier, stop))
        });
        Ok(RunningPeers { listener, courier: courier.transpose().map_err(failed)? })
    }
}

impl RunningPeers {
    pub(super) fn stop(&self) -> Stops {
        let listener = self.listener.as_ref().map(Listener::stopper);
        Stops(listener.into_iter().chain(self.courier.as_ref().map(|(_, stop)| stop.clone())).collect())
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
        let left = courier.finish();
        if left > 0 {
            eprintln!("octrls: results not delivered: {left}; the next start with --send-to sends them");
        }
        left
    }
}

impl Stops {
    pub(super) fn drain(&self) {
        self.0.iter().for_each(Stop::drain);
    }

    pub(super) fn abort(&self) {
        self.0.iter().for_each(Stop::abort);
    }
}

/// A processor that queues its results for delivery.
struct Delivered {
    processor: Arc<dyn Processor>,
    outbox: DeliveryQueue,
    delivery: ResultSender,
}

impl Processor for Delivered {
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        let summary = self.processor.process(task, report)?;
        self.outbox.put(task.out.to_owned());
        Ok(summary)
    }

    fn may_be_removed(&self, out: &Path) -> bool {
        self.delivery.is_complete(out)
    }

    fn recover(&self) -> Result<(), ProcessError> {
        self.processor.recover()
    }

    fn drain(&self) {
        self.processor.drain();
    }

    fn works_elsewhere(&self) -> bool {
        self.processor.works_elsewhere()
    }

    fn fingerprint(&self) -> String {
        self.processor.fingerprint()
    }
}
