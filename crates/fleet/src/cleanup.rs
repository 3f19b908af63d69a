//! Cleanup of a job's data in the queue.

use std::{
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{
    FleetError,
    inbox::Inbox,
    jetstream_queue::{JetStreamQueue, QueueError},
    link::{Link, Stopped},
    wire::{self, Address, Ending, Outcome},
};

/// Time between two checks for a reconnection.
const LOOK: Duration = Duration::from_secs(2);

/// Names of everything in the queue that belongs to one job.
#[derive(Clone, Debug)]
pub(super) struct Leftovers {
    pub(super) job: String,
    pub(super) outcome: String,
    pub(super) key: String,
}

impl Leftovers {
    /// The names for the job at `address`, for workers with `model`.
    pub(super) fn of(link: &Link, model: &str, address: &Address) -> Self {
        let names = link.names();
        Self { job: names.job(model, address), outcome: names.outcome(address), key: address.key.clone() }
    }

    /// Removes all of it from the queue. The outcome goes last, so that an interrupted removal can continue later.
    pub(super) async fn remove<E>(self, queue: Arc<JetStreamQueue>) -> Result<(), QueueError<E>> {
        let Self { job, outcome, key } = self;
        queue.remove_job::<E>(&job).await?;
        queue.scans.remove::<E>(&key).await?;
        if let Some(bytes) = queue.outcome::<E>(&outcome).await?
            && let Ok(Outcome { ending: Ending::Done { object, .. }, .. }) = wire::of_json(&bytes)
            // The outcome may name an object of another job.
            && object.starts_with(&key)
        {
            queue.results.remove::<E>(&object).await?;
        }
        queue.remove_outcome(&outcome).await
    }
}

/// Starts a thread that removes data of settled jobs when it reappears: a killed server may forget a removal, and a
/// worker that counted as lost may still finish. The thread ends with the link.
pub(super) fn sweep(
    link: &Arc<Link>,
    model: String,
    watcher: String,
    strays: Receiver<Address>,
    inbox: Inbox,
) -> Result<(), FleetError> {
    let (mut connections, link): (_, Weak<Link>) = (link.connections(), Arc::downgrade(link));
    let work = move || {
        loop {
            let news = strays.recv_timeout(LOOK);
            let Some(link) = link.upgrade() else { return };
            let found = match news {
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
            for address in found.unwrap_or_default().into_iter().filter(|address| inbox.is_settled(&address.key)) {
                let leftovers = Leftovers::of(&link, &model, &address);
                let removed = link.retry::<_, Stopped, _>(&mut || Ok(()), |queue| leftovers.clone().remove(queue));
                if removed.is_err() {
                    return;
                }
            }
        }
    };
    let spawned = thread::Builder::new().name("octrls-leftovers".to_owned()).spawn(work);
    spawned.map(drop).map_err(FleetError::Thread)
}
