//! The queue in NATS JetStream: its streams, object stores and operations.

use std::{io, time::Duration};

use async_nats::{
    Client,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, PullConsumer, pull},
        context::{ConsumerInfoErrorKind, PublishErrorKind},
        message::{PublishMessage, StreamMessage},
        object_store::{self, InfoErrorKind, ObjectMetadata, ObjectStore, PutErrorKind},
        stream::{
            self, DirectGetErrorKind, DiscardPolicy, LastRawMessageErrorKind, RawMessageErrorKind, RetentionPolicy,
            StorageType, Stream,
        },
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::io::AsyncRead;

use super::names::{JobAddress, QueueNames};
use crate::error::error_chain;

/// Lifetime of unfetched data. A watcher republishes jobs that it still needs.
const RETENTION: Duration = Duration::from_hours(24 * 14);
/// Part of an object in one message, in bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// Retries for a part of an object that is not yet there, and the pause between them.
const CHUNK_RETRIES: u32 = 10;
const CHUNK_RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Most unacknowledged jobs.
const MAX_UNACKNOWLEDGED: i64 = 100_000;

/// Why an operation on the queue failed.
#[derive(Debug)]
pub(crate) enum QueueError<E> {
    /// The queue failed; a retry may succeed.
    Queue(String),
    /// The caller failed; do not retry.
    Caller(E),
}

impl<E> QueueError<E> {
    /// A failure of the queue with its causes.
    pub(crate) fn queue(error: &dyn std::error::Error) -> Self {
        Self::Queue(error_chain(error))
    }

    /// Converts the error of the caller.
    pub(crate) fn map_caller<F>(self, convert: impl FnOnce(E) -> F) -> QueueError<F> {
        match self {
            Self::Queue(reason) => QueueError::Queue(reason),
            Self::Caller(error) => QueueError::Caller(convert(error)),
        }
    }
}

/// The streams and stores of a queue.
pub(crate) struct JetStreamQueue {
    jetstream: Context,
    jobs: Stream,
    outcomes: Stream,
    pub(crate) scans: Store,
    pub(crate) results: Store,
}

/// An object store. Objects are read message by message, without a consumer: at least up to nats-server 2.9.10, purging
/// one object makes the consumers of others skip undelivered messages.
pub(crate) struct Store {
    objects: ObjectStore,
    stream: Stream,
}

/// An object, read part by part.
pub(crate) struct Object {
    stream: Stream,
    subject: String,
    /// Sequence number from which the next part is searched.
    next_sequence: u64,
    chunks_left: usize,
}

impl JetStreamQueue {
    /// Opens the streams and stores; creates missing ones.
    pub(crate) async fn open(client: &Client, names: &QueueNames) -> Result<Self, String> {
        let jetstream = jetstream::new(client.clone());
        let base = stream::Config { max_age: RETENTION, storage: StorageType::File, ..stream::Config::default() };
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
        let jobs = jetstream.get_or_create_stream(jobs).await.map_err(|e| error_chain(&e))?;
        if jobs.cached_info().config.retention != RetentionPolicy::WorkQueue {
            return Err(format!("the stream {} exists but is not a work queue", names.job_stream()));
        }
        let outcomes = jetstream.get_or_create_stream(outcomes).await.map_err(|e| error_chain(&e))?;
        let scans = Store::open(&jetstream, names.scan_store()).await?;
        let results = Store::open(&jetstream, names.result_store()).await?;
        Ok(Self { jetstream, jobs, outcomes, scans, results })
    }

    /// Publishes a job or an outcome. Returns false if the subject already has a message.
    pub(crate) async fn publish<E>(&self, subject: String, content: Vec<u8>) -> Result<bool, QueueError<E>> {
        let message = PublishMessage::build().payload(Bytes::from(content)).expected_last_subject_sequence(0);
        let sent = self.jetstream.send_publish(subject, message).await.map_err(|e| QueueError::queue(&e))?;
        match sent.await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(QueueError::queue(&error)),
        }
    }

    /// The addresses of all jobs whose subject matches.
    pub(crate) async fn jobs<E>(&self, subjects: &str) -> Result<Vec<JobAddress>, QueueError<E>> {
        let mut found = self.jobs.info_with_subjects(subjects).await.map_err(|e| QueueError::queue(&e))?;
        let mut jobs = Vec::new();
        while let Some(subject) = found.next().await {
            let (subject, _) = subject.map_err(|e| QueueError::queue(&e))?;
            jobs.extend(JobAddress::of_subject(&subject));
        }
        Ok(jobs)
    }

    /// Whether the job is still in the queue.
    pub(crate) async fn has_job<E>(&self, subject: &str) -> Result<bool, QueueError<E>> {
        Ok(last_message(&self.jobs, subject).await?.is_some())
    }

    /// Whether this message is still in the stream of jobs.
    pub(crate) async fn has_message<E>(&self, sequence: u64) -> Result<bool, QueueError<E>> {
        match self.jobs.get_raw_message(sequence).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Err(error) => Err(QueueError::queue(&error)),
        }
    }

    /// Whether the server has lost track of a job: it is in the stream, but `consumer` counts it as acknowledged. False
    /// if the consumer does not exist.
    pub(crate) async fn has_forgotten<E>(&self, subject: &str, consumer: &str) -> Result<bool, QueueError<E>> {
        let Some(job) = last_message(&self.jobs, subject).await? else { return Ok(false) };
        match self.jobs.consumer_info(consumer).await {
            // Everything up to the floor is acknowledged; running and waiting jobs lie above it.
            Ok(info) => Ok(job.sequence <= info.ack_floor.stream_sequence),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(false),
            Err(error) => Err(QueueError::queue(&error)),
        }
    }

    /// The outcome with this subject.
    pub(crate) async fn outcome<E>(&self, subject: &str) -> Result<Option<Bytes>, QueueError<E>> {
        Ok(last_message(&self.outcomes, subject).await?.map(|message| message.payload))
    }

    /// Removes a job. Not by a purge: on some servers, that makes consumers skip other jobs.
    pub(crate) async fn remove_job<E>(&self, subject: &str) -> Result<(), QueueError<E>> {
        let Some(message) = last_message(&self.jobs, subject).await? else { return Ok(()) };
        match self.jobs.delete_message(message.sequence).await {
            Ok(_) => Ok(()),
            // A worker acknowledged it meanwhile.
            Err(_) if !self.has_job(subject).await? => Ok(()),
            Err(error) => Err(QueueError::queue(&error)),
        }
    }

    /// Removes an outcome if it exists.
    pub(crate) async fn remove_outcome<E>(&self, subject: &str) -> Result<(), QueueError<E>> {
        self.outcomes.purge().filter(subject).await.map(drop).map_err(|e| QueueError::queue(&e))
    }

    /// Opens the consumer that all workers with one model share. It redelivers jobs without a heartbeat for `patience`.
    pub(crate) async fn consumer<E>(
        &self,
        name: String,
        subjects: String,
        patience: Duration,
    ) -> Result<PullConsumer, QueueError<E>> {
        let config = pull::Config {
            durable_name: Some(name),
            filter_subject: subjects,
            ack_policy: AckPolicy::Explicit,
            ack_wait: patience,
            // Workers count deliveries themselves: unlike the server, they can report the failure to the watcher.
            max_deliver: -1,
            max_ack_pending: MAX_UNACKNOWLEDGED,
            ..pull::Config::default()
        };
        self.jobs.create_consumer(config).await.map_err(|e| QueueError::queue(&e))
    }
}

/// The latest message with this subject.
async fn last_message<E>(stream: &Stream, subject: &str) -> Result<Option<StreamMessage>, QueueError<E>> {
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(QueueError::queue(&error)),
    }
}

impl Store {
    async fn open(jetstream: &Context, bucket: String) -> Result<Self, String> {
        let name = format!("OBJ_{bucket}");
        let objects = if let Ok(objects) = jetstream.get_object_store(&bucket).await {
            objects
        } else {
            let (max_age, num_replicas) = (RETENTION, 1);
            let config = object_store::Config { bucket, max_age, num_replicas, ..object_store::Config::default() };
            jetstream.create_object_store(config).await.map_err(|e| error_chain(&e))?
        };
        let stream = jetstream.get_stream(&name).await.map_err(|e| error_chain(&e))?;
        if !stream.cached_info().config.allow_direct {
            return Err(format!("the stream {name} exists but does not allow direct access"));
        }
        Ok(Self { objects, stream })
    }

    /// Stores `content` as the object `name`; replaces an existing one.
    pub(crate) async fn put(
        &self,
        name: &str,
        content: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), QueueError<io::Error>> {
        let metadata =
            ObjectMetadata { name: name.to_owned(), chunk_size: Some(CHUNK_BYTES), ..ObjectMetadata::default() };
        match self.objects.put(metadata, content).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == PutErrorKind::ReadChunks => {
                Err(QueueError::Caller(io::Error::other(error_chain(&error))))
            }
            Err(error) => Err(QueueError::queue(&error)),
        }
    }

    /// Opens the object `name`; `None` if it does not exist.
    pub(crate) async fn get<E>(&self, name: &str) -> Result<Option<Object>, QueueError<E>> {
        match self.objects.info(name).await {
            Ok(info) if info.deleted => Ok(None),
            Ok(info) => {
                let subject = format!("$O.{}.C.{}", info.bucket, info.nuid);
                // The metadata is untrusted: a wildcard would match other objects.
                let is_plain = subject.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'>'));
                Ok(is_plain.then(|| Object {
                    stream: self.stream.clone(),
                    subject,
                    next_sequence: 1,
                    chunks_left: info.chunks,
                }))
            }
            Err(error) if matches!(error.kind(), InfoErrorKind::NotFound | InfoErrorKind::InvalidName) => Ok(None),
            Err(error) => Err(QueueError::queue(&error)),
        }
    }

    /// Removes the object `name` if it exists.
    pub(crate) async fn remove<E>(&self, name: &str) -> Result<(), QueueError<E>> {
        if self.get::<E>(name).await?.is_none() {
            return Ok(());
        }
        self.objects.delete(name).await.map_err(|e| QueueError::queue(&e))
    }
}

impl Object {
    /// Reads the next part; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.chunks_left == 0 {
            return Ok(None);
        }
        let mut retries = CHUNK_RETRIES;
        let message = loop {
            match self.stream.direct_get_next_for_subject(self.subject.as_str(), Some(self.next_sequence)).await {
                Ok(message) => break message,
                // A replica may lag behind the leader.
                Err(error) if error.kind() == DirectGetErrorKind::NotFound && retries > 0 => retries -= 1,
                Err(error) => return Err(io::Error::other(error_chain(&error))),
            }
            tokio::time::sleep(CHUNK_RETRY_PAUSE).await;
        };
        (self.next_sequence, self.chunks_left) = (message.sequence + 1, self.chunks_left - 1);
        Ok(Some(message.payload))
    }
}
