//! What belongs to a job in the queue, and how it goes.

use std::{
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{
    FleetError,
    inbox::Inbox,
    link::{Link, Stopped},
    stations::{Stations, Trouble},
    wire::{self, Address, Ending, Outcome},
};

/// Time between two looks whether the server went and came.
const LOOK: Duration = Duration::from_secs(2);

/// Everything in the queue that belongs to one job.
#[derive(Clone, Debug)]
pub(super) struct Leftovers {
    pub(super) job: String,
    pub(super) outcome: String,
    pub(super) key: String,
}

impl Leftovers {
    /// Those of the job at `address`, for workers with `model`.
    pub(super) fn of(link: &Link, model: &str, address: &Address) -> Self {
        let names = link.names();
        Self { job: names.job(model, address), outcome: names.outcome(address), key: address.key.clone() }
    }

    /// Takes them out of the queue; the outcome last, so that a removal that is interrupted can be taken up again.
    pub(super) async fn remove<E>(self, queue: Arc<Stations>) -> Result<(), Trouble<E>> {
        let Self { job, outcome, key } = self;
        queue.remove_job::<E>(&job).await?;
        queue.scans.remove::<E>(&key).await?;
        if let Some(bytes) = queue.outcome::<E>(&outcome).await?
            && let Ok(Outcome { ending: Ending::Done { object, .. }, .. }) = wire::of_json(&bytes)
            // Nobody else's.
            && object.starts_with(&key)
        {
            queue.results.remove::<E>(&object).await?;
        }
        queue.remove_outcome(&outcome).await
    }
}

/// Removes what comes back of jobs that were settled: a server that is killed may forget that it removed a job, and a worker
/// that was taken for lost may finish after all. Ends with the link.
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
                // The server that is there now may be one that was killed.
                Err(RecvTimeoutError::Timeout) if link.connections() > connections => {
                    connections = link.connections();
                    let subjects = link.names().jobs_for(&model, &watcher);
                    link.insist::<_, Stopped, _>(&mut || Ok(()), |queue| {
                        let subjects = subjects.clone();
                        async move { queue.jobs(&subjects).await }
                    })
                }
                Err(RecvTimeoutError::Timeout) => continue,
            };
            // What is open again is tried anew; what was never settled here waits for its turn.
            for address in found.unwrap_or_default().into_iter().filter(|address| inbox.is_settled(&address.key)) {
                let leftovers = Leftovers::of(&link, &model, &address);
                let removed = link.insist::<_, Stopped, _>(&mut || Ok(()), |queue| leftovers.clone().remove(queue));
                if removed.is_err() {
                    return;
                }
            }
        }
    };
    let spawned = thread::Builder::new().name("octrls-leftovers".to_owned()).spawn(work);
    spawned.map(drop).map_err(FleetError::Thread)
}
