//! One slot of a worker: processes one job at a time.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use async_nats::jetstream::{AckKind, Message, consumer::PullConsumer};
use futures_util::StreamExt as _;
use octrls_engine::is_fault_of_machine;

use super::{
    job_handler::{JobHandler, JobResult},
    state::WorkerState,
};
use crate::{
    error::error_chain,
    queue::{
        link::{Stopped, TICK, Tick},
        names::QueueNames,
    },
};

/// Time limit of one pull, after which a slot checks for a stop.
const PULL_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause after a failure to write to disk.
const STORAGE_ERROR_PAUSE: Duration = Duration::from_secs(30);

/// A slot of a worker.
pub(super) struct Slot {
    pub(super) state: Arc<WorkerState>,
}

impl Slot {
    /// Processes one job after another until the worker stops.
    pub(super) fn run(&self) {
        let counts = &self.state.counts;
        let mut consumer = None;
        while !self.state.handle.is_draining() {
            self.state.handle.beat();
            let Some(message) = self.pull(&mut consumer) else { continue };
            counts.running.fetch_add(1, Ordering::Relaxed);
            let result = JobHandler::new(&self.state, &message).run();
            counts.running.fetch_sub(1, Ordering::Relaxed);
            match result {
                JobResult::Done => _ = counts.done.fetch_add(1, Ordering::Relaxed),
                JobResult::Failed { code } => {
                    counts.failed.fetch_add(1, Ordering::Relaxed);
                    if is_fault_of_machine(code) {
                        self.pause_after_fault();
                    }
                }
                JobResult::Returned => {
                    counts.returned.fetch_add(1, Ordering::Relaxed);
                    // Another worker may start at once. If this fails, the server redelivers the job after `patience`.
                    let nak = message.ack_with(AckKind::Nak(None));
                    let _ = self.state.link.wait(nak, &mut || Err(Stopped));
                }
                JobResult::Settled => {}
            }
        }
    }

    /// Pulls the next job from the consumer `opened`, opening it if needed. `None` if there is no job yet.
    fn pull(&self, opened: &mut Option<PullConsumer>) -> Option<Message> {
        let mut tick = || {
            self.state.handle.beat();
            if self.state.handle.is_draining() { Err(Stopped) } else { Ok(()) }
        };
        let consumer = match opened.take() {
            Some(consumer) => consumer,
            None => self.consumer(&mut tick).ok()?,
        };
        let pull = async {
            let batch = consumer.batch().max_messages(1).expires(PULL_TIMEOUT).messages().await;
            batch.map_err(|e| error_chain(&e))?.next().await.transpose().map_err(|e| e.to_string())
        };
        // Do not interrupt a pull: its job could be delivered to nobody.
        match self.state.link.wait(pull, &mut || Ok(())).ok()? {
            Ok(message) => {
                *opened = Some(consumer);
                message
            }
            Err(reason) => {
                let _ = self.state.link.pause(&reason, &mut tick);
                None
            }
        }
    }

    /// Opens the consumer that all workers with this model share.
    fn consumer(&self, tick: Tick<'_>) -> Result<PullConsumer, Stopped> {
        let model = self.state.network.file_sha256();
        let (name, subjects) = (QueueNames::consumer(model), self.state.link.names().jobs_of(model));
        let patience = self.state.options.patience;
        self.state.link.retry(tick, |queue| {
            let (name, subjects) = (name.clone(), subjects.clone());
            async move { queue.consumer(name, subjects, patience).await }
        })
    }

    /// Pauses, so that other workers take the jobs.
    fn pause_after_fault(&self) {
        let mut remaining = STORAGE_ERROR_PAUSE;
        while !remaining.is_zero() && !self.state.handle.is_draining() {
            thread::sleep(TICK);
            self.state.handle.beat();
            remaining = remaining.saturating_sub(TICK);
        }
    }
}
