//! Removes the data of settled jobs from the queue.

use std::{
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::message_router::MessageRouter;
use crate::{
    FleetError,
    queue::{
        jetstream_queue::{JetStreamQueue, QueueError},
        link::{Link, Stopped},
        messages::{self, JobEnding, Outcome},
        names::JobAddress,
    },
};

/// Time between two checks for a reconnection.
const RECONNECT_CHECK: Duration = Duration::from_secs(2);

/// Names of everything in the queue that belongs to one job.
#[derive(Clone, Debug)]
pub(crate) struct JobData {
    /// Subject of the job.
    job: String,
    /// Subject of the outcome.
    outcome: String,
    /// Key of the job, which names its objects.
    key: String,
}

impl JobData {
    /// The names for the job at `address`, for workers with `model`.
    pub(crate) fn new(link: &Link, model: &str, address: &JobAddress) -> Self {
        let names = link.names();
        Self { job: names.job(model, address), outcome: names.outcome(address), key: address.key.clone() }
    }

    /// Removes all of it from the queue. The outcome goes last, so that an interrupted removal can continue later.
    pub(crate) async fn remove<E>(self, queue: Arc<JetStreamQueue>) -> Result<(), QueueError<E>> {
        let Self { job, outcome, key } = self;
        queue.remove_job::<E>(&job).await?;
        queue.scans.remove::<E>(&key).await?;
        if let Some(bytes) = queue.outcome::<E>(&outcome).await?
            && let Ok(Outcome { ending: JobEnding::Done { object, .. }, .. }) = messages::decode_json(&bytes)
            // The outcome may name an object of another job.
            && object.starts_with(&key)
        {
            queue.results.remove::<E>(&object).await?;
        }
        queue.remove_outcome(&outcome).await
    }
}

/// Starts a thread that removes data of settled jobs when it reappears: a killed server may forget a removal, and a
/// worker that counted as lost may still finish. `late` gets the jobs of such workers. The thread ends with the link.
pub(crate) fn start_cleanup(
    link: &Arc<Link>,
    model: String,
    watcher: String,
    late: Receiver<JobAddress>,
    router: MessageRouter,
) -> Result<(), FleetError> {
    let (mut connections, link): (_, Weak<Link>) = (link.connections(), Arc::downgrade(link));
    let cleanup = move || {
        loop {
            let message = late.recv_timeout(RECONNECT_CHECK);
            let Some(link) = link.upgrade() else { return };
            let addresses = match message {
                Ok(address) => Ok(vec![address]),
                Err(RecvTimeoutError::Disconnected) => return,
                // After a reconnection: the server may have been killed and restarted.
                Err(RecvTimeoutError::Timeout) if link.connections() > connections => {
                    connections = link.connections();
                    let subjects = link.names().jobs_for(&model, &watcher);
                    link.retry::<_, Stopped, _>(&mut || Ok(()), |queue| {
                        let subjects = subjects.clone();
                        async move { queue.jobs(&subjects).await }
                    })
                }
                Err(RecvTimeoutError::Timeout) => continue,
            };
            // Only settled jobs: others are running again, or still to be run.
            for address in addresses.unwrap_or_default().into_iter().filter(|address| router.is_settled(&address.key)) {
                let data = JobData::new(&link, &model, &address);
                let removed = link.retry::<_, Stopped, _>(&mut || Ok(()), |queue| data.clone().remove(queue));
                if removed.is_err() {
                    return;
                }
            }
        }
    };
    let spawned = thread::Builder::new().name("octrls-cleanup".to_owned()).spawn(cleanup);
    spawned.map(drop).map_err(FleetError::Thread)
}
