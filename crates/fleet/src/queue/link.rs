//! The connection to the queue: reconnects by itself, reports each problem once, runs async work for synchronous code.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use async_nats::{Client, ConnectErrorKind, connection::State};
use octrls_core::ErrorCode;
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::{
    connect::{connect_options, is_transient, unreachable_text},
    jetstream_queue::{JetStreamQueue, QueueError},
    names::QueueNames,
    notifier::Notifier,
    server::Server,
};
use crate::{FleetError, error::error_chain};

/// Time between two calls of `tick` while waiting.
pub(crate) const TICK: Duration = Duration::from_millis(500);
/// Pause before retrying what the server rejected.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Called repeatedly while waiting; an error ends the wait.
pub(crate) type Tick<'a> = &'a mut dyn FnMut() -> Result<(), Stopped>;

/// The wait was ended by its `tick`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// A connection to a queue, closed when dropped.
pub struct Link {
    runtime: Runtime,
    client: Client,
    names: QueueNames,
    server: String,
    notifier: Notifier,
    /// The opened queue; emptied after a failure.
    queue: Mutex<Option<Arc<JetStreamQueue>>>,
}

impl Link {
    /// Connects to `server`. If it cannot be reached, warns and keeps trying in the background.
    ///
    /// # Errors
    /// [`FleetError`] if the server rejects the login, or a certificate cannot be used.
    pub fn open(server: &Server, notifier: Notifier) -> Result<Arc<Self>, FleetError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("octrls-queue")
            .enable_all()
            .build()
            .map_err(FleetError::Thread)?;
        let name = server.url.to_string();
        let options = connect_options(server, &name, &notifier)?;
        let addresses = server.url.addresses();
        let client = runtime.block_on(async {
            match options.clone().connect(addresses.clone()).await {
                Err(error) if is_transient(&error) => {
                    notifier.warn_once(ErrorCode::FleetAway, unreachable_text(&name, &error.to_string()));
                    options.retry_on_initial_connect().connect(addresses).await
                }
                other => other,
            }
        });
        let client = client.map_err(|error| {
            let (server, reason) = (name.clone(), error_chain(&error));
            match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    FleetError::Denied { server, reason }
                }
                _ => FleetError::Connect { server, reason },
            }
        })?;
        let names = QueueNames::new(&server.name);
        Ok(Arc::new(Self { runtime, client, names, server: name, notifier, queue: Mutex::default() }))
    }

    /// Names of the queue's streams, stores and subjects.
    pub(crate) const fn names(&self) -> &QueueNames {
        &self.names
    }

    /// The client of the server.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Notices to the operator.
    pub(crate) const fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// The server's addresses, without login.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Whether the server is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Number of connections made so far, including the first.
    pub(crate) fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// The longest message that the server accepts, in bytes.
    pub(crate) fn max_payload(&self) -> usize {
        self.client.server_info().max_payload
    }

    /// Runs `work` in the background.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(work)
    }

    /// Waits for `work` and calls `tick` twice a second meanwhile.
    ///
    /// # Errors
    /// [`Stopped`] if `tick` returns it.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>, tick: Tick<'_>) -> Result<T, Stopped> {
        let mut work = pin!(work);
        loop {
            match self.runtime.block_on(async { timeout(TICK, work.as_mut()).await }) {
                Ok(done) => return Ok(done),
                Err(_) => tick()?,
            }
        }
    }

    /// Runs `work` and retries it while the queue fails.
    ///
    /// # Errors
    /// The error of `work` itself, or [`Stopped`] from `tick`.
    pub(crate) fn retry<T, E: From<Stopped>, F>(
        &self,
        tick: Tick<'_>,
        mut work: impl FnMut(Arc<JetStreamQueue>) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, QueueError<E>>>,
    {
        loop {
            let attempt = async {
                let queue = self.queue().await.map_err(QueueError::Queue)?;
                work(queue).await
            };
            match self.wait(attempt, tick)? {
                Ok(done) => {
                    self.notifier.resolve(ErrorCode::FleetQueue);
                    return Ok(done);
                }
                Err(QueueError::Caller(error)) => return Err(error),
                Err(QueueError::Queue(reason)) => self.pause(&reason, tick)?,
            }
        }
    }

    /// Reports a failure of the queue, and pauses.
    pub(crate) fn pause(&self, reason: &str, tick: Tick<'_>) -> Result<(), Stopped> {
        if self.is_connected() {
            self.notifier.warn_once(
                ErrorCode::FleetQueue,
                format!("cannot use the queue at {}, work waits: {reason}", self.server),
            );
        }
        // Streams may have been removed; the next attempt creates those that are missing.
        *self.locked_queue() = None;
        let until = Instant::now() + RETRY_PAUSE;
        while Instant::now() < until {
            thread::sleep(TICK.min(RETRY_PAUSE));
            tick()?;
        }
        Ok(())
    }

    /// The streams and stores; creates missing ones.
    async fn queue(&self) -> Result<Arc<JetStreamQueue>, String> {
        if let Some(queue) = self.locked_queue().clone() {
            return Ok(queue);
        }
        let queue = Arc::new(JetStreamQueue::open(&self.client, &self.names).await?);
        *self.locked_queue() = Some(Arc::clone(&queue));
        Ok(queue)
    }

    fn locked_queue(&self) -> MutexGuard<'_, Option<Arc<JetStreamQueue>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
