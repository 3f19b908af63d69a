//! Routes the workers' messages to the jobs that wait for them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_nats::SubscribeError;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use futures_util::{StreamExt, stream::select};

use crate::queue::{
    link::Link,
    names::{JobAddress, QueueNames},
};

/// Capacity for unread signals of one job; more are dropped, as B-scans are for any slow reader.
const CAPACITY: usize = 32;

/// Number of settled jobs to remember.
const MAX_SETTLED: usize = 4096;

/// The routes of all open jobs.
#[derive(Clone, Default)]
pub(crate) struct MessageRouter(Arc<Mutex<Routes>>);

#[derive(Default)]
struct Routes {
    /// Channels of open jobs, by key.
    open: HashMap<String, Sender<JobMessage>>,
    /// Keys of settled jobs, the latest last.
    settled: VecDeque<String>,
}

/// A message about a job.
pub(crate) enum JobMessage {
    /// An encoded signal.
    Signal(Bytes),
    /// An outcome can be fetched.
    OutcomeStored,
}

/// The messages of one job, collected until it is dropped.
pub(crate) struct JobMessages {
    router: MessageRouter,
    key: String,
    pub(crate) receiver: Receiver<JobMessage>,
}

impl MessageRouter {
    /// Starts to route messages for `watcher`. The address of each message about a settled job goes to `late`.
    pub(crate) fn open(link: &Link, watcher: &str, late: Sender<JobAddress>) -> Self {
        let router = Self::default();
        let (client, subjects, shared) =
            (link.client().clone(), QueueNames::messages_for(link.names(), watcher), router.clone());
        link.spawn(async move {
            // Fails only once the client is closed; until then, the client renews its subscriptions on reconnect.
            let Ok((outcomes, signals)) = subscribe(&client, subjects).await else { return };
            let outcomes = outcomes.map(|message| (message, true));
            let mut messages = select(outcomes, signals.map(|message| (message, false)));
            while let Some((message, is_outcome)) = messages.next().await {
                let Some(address) = JobAddress::of_subject(&message.subject) else { continue };
                let routes = shared.routes();
                if let Some(sender) = routes.open.get(&address.key) {
                    // If the channel is full, polling finds the outcome later.
                    let _ = sender.try_send(if is_outcome {
                        JobMessage::OutcomeStored
                    } else {
                        JobMessage::Signal(message.payload)
                    });
                } else if routes.settled.contains(&address.key) {
                    let _ = late.send(address);
                }
            }
        });
        router
    }

    /// Starts to collect the messages of the job `key`.
    pub(crate) fn messages_of(&self, key: &str) -> JobMessages {
        let (sender, receiver) = bounded(CAPACITY);
        let mut routes = self.routes();
        routes.settled.retain(|settled| settled != key);
        routes.open.insert(key.to_owned(), sender);
        drop(routes);
        JobMessages { router: self.clone(), key: key.to_owned(), receiver }
    }

    /// Marks the job `key` as settled.
    pub(crate) fn mark_settled(&self, key: &str) {
        let mut routes = self.routes();
        routes.settled.push_back(key.to_owned());
        if routes.settled.len() > MAX_SETTLED {
            routes.settled.pop_front();
        }
    }

    /// Whether the job `key` is settled and has no open channel.
    pub(crate) fn is_settled(&self, key: &str) -> bool {
        let routes = self.routes();
        !routes.open.contains_key(key) && routes.settled.iter().any(|settled| settled == key)
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for JobMessages {
    fn drop(&mut self) {
        self.router.routes().open.remove(&self.key);
    }
}

async fn subscribe(
    client: &async_nats::Client,
    [outcomes, signals]: [String; 2],
) -> Result<(async_nats::Subscriber, async_nats::Subscriber), SubscribeError> {
    Ok((client.subscribe(outcomes).await?, client.subscribe(signals).await?))
}
