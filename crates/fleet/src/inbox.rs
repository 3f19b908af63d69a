//! Routes the workers' messages to the jobs that wait for them.

use std::{
    collections::{HashMap, VecDeque},
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

/// Capacity for unread signals of one job; more are dropped, as B-scans are for any slow reader.
const WAITING: usize = 32;

/// Number of settled jobs to remember.
const REMEMBERED: usize = 4096;

/// The mailboxes of all open jobs.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<Boxes>>);

#[derive(Default)]
struct Boxes {
    open: HashMap<String, Sender<Mail>>,
    /// Keys of settled jobs, the latest last.
    settled: VecDeque<String>,
}

/// A message about a job.
pub(super) enum Mail {
    /// A packed signal.
    Signal(Bytes),
    /// An outcome can be fetched.
    Outcome,
}

/// The messages of one job. Dropping it closes the mailbox.
pub(super) struct Mailbox {
    inbox: Inbox,
    key: String,
    pub(super) mail: Receiver<Mail>,
}

impl Inbox {
    /// Starts to route messages for `watcher`. Messages of settled jobs go to `strays`.
    pub(super) fn open(link: &Link, watcher: &str, strays: Sender<Address>) -> Self {
        let inbox = Self::default();
        let (client, subjects, boxes) = (link.client().clone(), Names::mail_for(link.names(), watcher), inbox.clone());
        link.spawn(async move {
            // Fails only once the client is closed; until then, the client renews its subscriptions on reconnect.
            let Ok((outcomes, signals)) = subscribed(&client, subjects).await else { return };
            let outcomes = outcomes.map(|message| (message, true));
            let mut news = select(outcomes, signals.map(|message| (message, false)));
            while let Some((message, is_outcome)) = news.next().await {
                let Some(address) = Address::of_subject(&message.subject) else { continue };
                let boxes = boxes.boxes();
                if let Some(sender) = boxes.open.get(&address.key) {
                    // If the mailbox is full, polling finds the outcome later.
                    let _ = sender.try_send(if is_outcome { Mail::Outcome } else { Mail::Signal(message.payload) });
                } else if boxes.settled.contains(&address.key) {
                    let _ = strays.send(address);
                }
            }
        });
        inbox
    }

    /// Opens the mailbox of the job `key`.
    pub(super) fn of(&self, key: &str) -> Mailbox {
        let (sender, mail) = bounded(WAITING);
        let mut boxes = self.boxes();
        boxes.settled.retain(|settled| settled != key);
        boxes.open.insert(key.to_owned(), sender);
        drop(boxes);
        Mailbox { inbox: self.clone(), key: key.to_owned(), mail }
    }

    /// Marks the job `key` as settled.
    pub(super) fn settled(&self, key: &str) {
        let mut boxes = self.boxes();
        boxes.settled.push_back(key.to_owned());
        if boxes.settled.len() > REMEMBERED {
            boxes.settled.pop_front();
        }
    }

    /// Whether the job `key` is settled and has no open mailbox.
    pub(super) fn is_settled(&self, key: &str) -> bool {
        let boxes = self.boxes();
        !boxes.open.contains_key(key) && boxes.settled.iter().any(|settled| settled == key)
    }

    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.inbox.boxes().open.remove(&self.key);
    }
}

async fn subscribed(
    client: &async_nats::Client,
    [outcomes, signals]: [String; 2],
) -> Result<(async_nats::Subscriber, async_nats::Subscriber), SubscribeError> {
    Ok((client.subscribe(outcomes).await?, client.subscribe(signals).await?))
}
