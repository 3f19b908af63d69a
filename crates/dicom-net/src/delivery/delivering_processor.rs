//! Queues every finished result for delivery.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use octrls_engine::{Cancelled, ProcessError, Processor, ScanChange, ScanSummary, ScanTask};

use super::{result_sender::ResultSender, worker::DeliveryQueue};

/// A [`Processor`] that queues each result of another one for delivery. Results may be removed once they are delivered.
pub struct DeliveringProcessor {
    processor: Arc<dyn Processor>,
    queue: DeliveryQueue,
    sender: ResultSender,
}

impl DeliveringProcessor {
    /// Queues the results of `processor` in `queue`, for `sender`.
    pub fn new(processor: Arc<dyn Processor>, queue: DeliveryQueue, sender: ResultSender) -> Self {
        Self { processor, queue, sender }
    }
}

impl Processor for DeliveringProcessor {
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        let summary = self.processor.process(task, report)?;
        self.queue.put(task.out.to_owned());
        Ok(summary)
    }

    fn may_be_removed(&self, out: &Path) -> bool {
        self.sender.is_complete(out)
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
