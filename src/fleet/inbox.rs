//! What workers say, handed to whoever waits for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_nats::SubscribeError;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use futures_util::{StreamExt, stream::select};

use super::{
    link::Link,
    wire::{Address, Names},
};

/// Signals of one job that may wait to be read; those after them are lost, as B-scans are for any reader that lags.
const WAITING: usize = 32;

/// Where those who wait for a job have their mail.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<Boxes>>);

type Boxes = HashMap<String, Sender<Mail>>;

/// News of a job.
pub(super) enum Mail {
    /// A packed signal.
    Signal(Bytes),
    /// There is an outcome to be fetched.
    Outcome,
}

/// The mail of one job; nobody else has it meanwhile.
pub(super) struct Mailbox {
    inbox: Inbox,
    key: String,
    pub(super) mail: Receiver<Mail>,
}

impl Inbox {
    /// Begins to sort what comes for `watcher`.
    pub(super) fn open(link: &Link, watcher: &str) -> Self {
        let inbox = Self::default();
        let (client, subjects, boxes) = (link.client().clone(), Names::mail_for(link.names(), watcher), inbox.clone());
        link.spawn(async move {
            // Fails once the client has ended, and with it all mail; until then it subscribes anew whenever it connects.
            let Ok((outcomes, signals)) = subscribed(&client, subjects).await else { return };
            let outcomes = outcomes.map(|message| (message, true));
            let mut news = select(outcomes, signals.map(|message| (message, false)));
            while let Some((message, is_outcome)) = news.next().await {
                let Some(Address { key, .. }) = Address::of_subject(&message.subject) else { continue };
                if let Some(sender) = boxes.boxes().get(&key) {
                    // An outcome that finds no room is found all the same, later.
                    let _ = sender.try_send(if is_outcome { Mail::Outcome } else { Mail::Signal(message.payload) });
                }
            }
        });
        inbox
    }

    /// The mail of the job `key` from now on.
    pub(super) fn of(&self, key: &str) -> Mailbox {
        let (sender, mail) = bounded(WAITING);
        self.boxes().insert(key.to_owned(), sender);
        Mailbox { inbox: self.clone(), key: key.to_owned(), mail }
    }

    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.inbox.boxes().remove(&self.key);
    }
}

async fn subscribed(
    client: &async_nats::Client,
    [outcomes, signals]: [String; 2],
) -> Result<(async_nats::Subscriber, async_nats::Subscriber), SubscribeError> {
    Ok((client.subscribe(outcomes).await?, client.subscribe(signals).await?))
}
