//! Queues every finished result for delivery.

use std::{path::Path, sync::Arc};

use octrls_engine::{ProcessError, Processor, ScanChange, ScanSummary};
use octrls_readers::ScanFiles;

use super::{Delivery, Outbox};

/// A [`Processor`] that queues each result of another one for delivery. Results may be removed once they are delivered.
pub struct DeliveringProcessor {
    processor: Arc<dyn Processor>,
    outbox: Outbox,
    delivery: Delivery,
}

impl DeliveringProcessor {
    /// Queues the results of `processor` in `outbox`, for `delivery`.
    pub fn new(processor: Arc<dyn Processor>, outbox: Outbox, delivery: Delivery) -> Self {
        Self { processor, outbox, delivery }
    }
}

impl Processor for DeliveringProcessor {
    fn process(
        &self,
        scan: &ScanFiles,
        name: &Path,
        out: &Path,
        report: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError> {
        let summary = self.processor.process(scan, name, out, report)?;
        self.outbox.put(out.to_owned());
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
