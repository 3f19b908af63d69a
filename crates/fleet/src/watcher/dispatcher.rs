//! The processor that sends scans to remote workers.

use std::{ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use octrls_core::network::Network;
use octrls_engine::{Cancelled, ProcessError, Processor, ScanChange, ScanSummary, ScanTask, SegmenterOptions};

use super::{job_input::JobInput, remote_job::RemoteJob, state::WatcherState};
use crate::{FleetError, queue::link::Link};

/// Publishes scans as jobs and fetches their results.
pub struct Dispatcher(WatcherState);

impl Dispatcher {
    /// Starts a processor that puts results below `out`. `network` only identifies the model; it is not run. Scans below
    /// `share` are not sent, since workers read them there. `limit` is the time limit for a scan.
    ///
    /// # Errors
    /// [`FleetError::Folder`] if the watcher's name cannot be stored or the shared folder does not exist.
    pub fn start(
        link: Arc<Link>,
        network: &Network,
        options: SegmenterOptions,
        out: &Path,
        share: Option<&Path>,
        limit: Option<Duration>,
    ) -> Result<Self, FleetError> {
        WatcherState::start(link, network, options, out, share, limit).map(Self)
    }
}

impl Processor for Dispatcher {
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        if let ControlFlow::Break(cancelled) = report(ScanChange::Queued) {
            return Err(cancelled.into());
        }
        let input = JobInput::new(&self.0, task)?;
        let messages = self.0.router.messages_of(&input.address.key);
        RemoteJob::new(&self.0, &input, task.name, report).run(&messages, task.out)
    }

    fn recover(&self) -> Result<(), ProcessError> {
        Ok(self.0.staging.clear()?)
    }

    fn drain(&self) {
        self.0.drain();
    }

    fn works_elsewhere(&self) -> bool {
        true
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint.clone()
    }
}
