//! The streams and stores of a queue, and what is done with them.

use std::{io, time::Duration};

use async_nats::{
    Client,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, PullConsumer, pull},
        context::PublishErrorKind,
        message::PublishMessage,
        object_store::{self, GetErrorKind, Object, ObjectMetadata, ObjectStore, PutErrorKind},
        stream::{
            self, DiscardPolicy, LastRawMessageErrorKind, RawMessageErrorKind, RetentionPolicy, StorageType, Stream,
        },
    },
};
use bytes::Bytes;
use tokio::io::AsyncRead;

use super::{link::chain, wire::Names};

/// What nobody fetches goes after that time; the watcher publishes anew what it still wants.
const KEEP: Duration = Duration::from_hours(24 * 14);
/// Bytes of an object in one message.
const CHUNK: usize = 128 << 10;
/// Jobs that may be in the hands of workers at once.
const MOST_IN_HAND: i64 = 100_000;

/// Why something did not come about.
#[derive(Debug)]
pub(super) enum Trouble<E> {
    /// The queue stands in the way: for now, as far as anyone can tell.
    Queue(String),
    /// Something else does.
    Own(E),
}

impl<E> Trouble<E> {
    pub(super) fn queue(error: &dyn std::error::Error) -> Self {
        Self::Queue(chain(error))
    }
}

/// The streams and stores of a queue.
pub(super) struct Stations {
    jetstream: Context,
    jobs: Stream,
    outcomes: Stream,
    pub(super) scans: ObjectStore,
    pub(super) results: ObjectStore,
}

impl Stations {
    /// Finds streams and stores, or makes them.
    pub(super) async fn make(client: &Client, names: &Names) -> Result<Self, String> {
        let jetstream = jetstream::new(client.clone());
        let base = stream::Config { max_age: KEEP, storage: StorageType::File, ..stream::Config::default() };
        let jobs = stream::Config {
            name: names.job_stream(),
            subjects: vec![names.all_jobs()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            ..base.clone()
        };
        let outcomes = stream::Config {
            name: names.outcome_stream(),
            subjects: vec![names.all_outcomes()],
            max_messages_per_subject: 1,
            ..base
        };
        let jobs = jetstream.get_or_create_stream(jobs).await.map_err(|e| chain(&e))?;
        if jobs.cached_info().config.retention != RetentionPolicy::WorkQueue {
            return Err(format!("the stream {} is there but no work queue", names.job_stream()));
        }
        let outcomes = jetstream.get_or_create_stream(outcomes).await.map_err(|e| chain(&e))?;
        let scans = store(&jetstream, names.scan_store()).await?;
        let results = store(&jetstream, names.result_store()).await?;
        Ok(Self { jetstream, jobs, outcomes, scans, results })
    }

    /// Publishes a job, or an outcome, unless there is one already: false then.
    pub(super) async fn publish<E>(&self, subject: String, content: Vec<u8>) -> Result<bool, Trouble<E>> {
        let message = PublishMessage::build().payload(Bytes::from(content)).expected_last_subject_sequence(0);
        let sent = self.jetstream.send_publish(subject, message).await.map_err(|e| Trouble::queue(&e))?;
        match sent.await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(Trouble::queue(&error)),
        }
    }

    /// Whether the job of that subject still is to be done.
    pub(super) async fn has_job<E>(&self, subject: &str) -> Result<bool, Trouble<E>> {
        Ok(last(&self.jobs, subject).await?.is_some())
    }

    /// Whether that very message still is in the stream of jobs.
    pub(super) async fn has_message<E>(&self, sequence: u64) -> Result<bool, Trouble<E>> {
        match self.jobs.get_raw_message(sequence).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Err(error) => Err(Trouble::queue(&error)),
        }
    }

    pub(super) async fn outcome<E>(&self, subject: &str) -> Result<Option<Bytes>, Trouble<E>> {
        last(&self.outcomes, subject).await
    }

    pub(super) async fn remove_job<E>(&self, subject: &str) -> Result<(), Trouble<E>> {
        self.jobs.purge().filter(subject).await.map(drop).map_err(|e| Trouble::queue(&e))
    }

    pub(super) async fn remove_outcome<E>(&self, subject: &str) -> Result<(), Trouble<E>> {
        self.outcomes.purge().filter(subject).await.map(drop).map_err(|e| Trouble::queue(&e))
    }

    /// The consumer that all workers with one model share; a job that is silent for `patience` goes to another of them.
    pub(super) async fn consumer<E>(
        &self,
        name: String,
        subjects: String,
        patience: Duration,
    ) -> Result<PullConsumer, Trouble<E>> {
        let config = pull::Config {
            durable_name: Some(name),
            filter_subject: subjects,
            ack_policy: AckPolicy::Explicit,
            ack_wait: patience,
            // Workers count: one that sees the last delivery says so to the watcher, which the server could not.
            max_deliver: -1,
            max_ack_pending: MOST_IN_HAND,
            ..pull::Config::default()
        };
        self.jobs.create_consumer(config).await.map_err(|e| Trouble::queue(&e))
    }
}

async fn last<E>(stream: &Stream, subject: &str) -> Result<Option<Bytes>, Trouble<E>> {
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => Ok(Some(message.payload)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(Trouble::queue(&error)),
    }
}

async fn store(jetstream: &Context, bucket: String) -> Result<ObjectStore, String> {
    if let Ok(store) = jetstream.get_object_store(&bucket).await {
        return Ok(store);
    }
    let config = object_store::Config { bucket, max_age: KEEP, num_replicas: 1, ..object_store::Config::default() };
    jetstream.create_object_store(config).await.map_err(|e| chain(&e))
}

/// Stores what `content` has as the object `name`, in place of one that is there.
pub(super) async fn put(
    store: &ObjectStore,
    name: &str,
    content: &mut (impl AsyncRead + Unpin),
) -> Result<(), Trouble<io::Error>> {
    let metadata = ObjectMetadata { name: name.to_owned(), chunk_size: Some(CHUNK), ..ObjectMetadata::default() };
    match store.put(metadata, content).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == PutErrorKind::ReadChunks => Err(Trouble::Own(io::Error::other(chain(&error)))),
        Err(error) => Err(Trouble::queue(&error)),
    }
}

/// The object `name`; `None` where there is none.
pub(super) async fn get<E>(store: &ObjectStore, name: &str) -> Result<Option<Object>, Trouble<E>> {
    match store.get(name).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if matches!(error.kind(), GetErrorKind::NotFound | GetErrorKind::InvalidName) => Ok(None),
        Err(error) => Err(Trouble::queue(&error)),
    }
}

/// Removes the object `name`, if it is there.
pub(super) async fn remove<E>(store: &ObjectStore, name: &str) -> Result<(), Trouble<E>> {
    if get::<E>(store, name).await?.is_none() {
        return Ok(());
    }
    store.delete(name).await.map_err(|e| Trouble::queue(&e))
}
