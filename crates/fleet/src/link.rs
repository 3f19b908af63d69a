//! The connection to the queue: reconnects by itself, reports each problem once, runs async work for synchronous code.

use octrls_core::ErrorCode;
use std::{
    io::{self, Read},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use async_nats::{Client, ClientError, ConnectError, ConnectErrorKind, ConnectOptions, Event, connection::State};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, ReadBuf},
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::{
    FleetError, Login, Server,
    jetstream_queue::{JetStreamQueue, Object, QueueError},
    server::read_secret,
    wire::Names,
};
use octrls_engine::Level;

/// Time between two calls of `tick` while waiting.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// Pause before retrying what the server rejected.
const PAUSE: Duration = Duration::from_secs(1);
/// Least time between two notices of the same problem.
const SILENCE: Duration = Duration::from_mins(10);
/// Longest backoff between two attempts to connect.
const SLOWEST: Duration = Duration::from_secs(5);
/// Time limit for the next part of an object.
const STALLED: Duration = Duration::from_secs(30);

/// Text in a connection error that means a rejected login.
const DENIAL: &str = "authorization violation";

/// Called repeatedly while waiting; an error ends the wait.
pub(super) type Tick<'a> = &'a mut dyn FnMut() -> Result<(), Stopped>;

/// The wait was ended by its `tick`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

type Tell = Box<dyn Fn(Level, Option<ErrorCode>, String) + Send + Sync>;

/// Sends notices to the operator; keeps them until a listener is set.
#[derive(Clone, Default)]
pub struct Notifier(Arc<Mutex<Ears>>);

#[derive(Default)]
struct Ears {
    tell: Option<Tell>,
    kept: Vec<(Level, Option<ErrorCode>, String)>,
    told: Vec<(ErrorCode, Instant)>,
}

impl Notifier {
    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the listener `tell` and sends it the kept notices.
    pub fn listen(&self, tell: impl Fn(Level, Option<ErrorCode>, String) + Send + Sync + 'static) {
        let mut ears = self.ears();
        for (level, code, text) in ears.kept.drain(..) {
            tell(level, code, text);
        }
        ears.tell = Some(Box::new(tell));
    }

    pub(super) fn notice(&self, level: Level, code: Option<ErrorCode>, text: String) {
        let mut ears = self.ears();
        match &ears.tell {
            Some(tell) => tell(level, code, text),
            None => ears.kept.push((level, code, text)),
        }
    }

    /// Sends a warning about a continuing problem, at most once in [`SILENCE`].
    pub(super) fn trouble(&self, code: ErrorCode, text: String) {
        {
            let mut ears = self.ears();
            if ears.told.iter().any(|(told, at)| *told == code && at.elapsed() < SILENCE) {
                return;
            }
            ears.told.retain(|(told, _)| *told != code);
            ears.told.push((code, Instant::now()));
        }
        self.notice(Level::Warning, Some(code), text);
    }

    /// Marks a problem as solved, so that the next is reported at once. Returns whether this one was reported.
    fn over(&self, code: ErrorCode) -> bool {
        let mut ears = self.ears();
        let before = ears.told.len();
        ears.told.retain(|(told, _)| *told != code);
        ears.told.len() < before
    }
}

/// A connection to a queue, closed when dropped.
pub struct Link {
    runtime: Runtime,
    client: Client,
    names: Names,
    server: String,
    teller: Notifier,
    stations: Mutex<Option<Arc<JetStreamQueue>>>,
}

impl Link {
    /// Connects to `server`. If it cannot be reached, warns and keeps trying in the background.
    ///
    /// # Errors
    /// [`FleetError`] if the server rejects the login, or a certificate cannot be used.
    pub fn open(server: &Server, teller: Notifier) -> Result<Arc<Self>, FleetError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("octrls-queue")
            .enable_all()
            .build()
            .map_err(FleetError::Thread)?;
        let name = server.url.to_string();
        let options = options(server, &name, &teller)?;
        let addresses = server.url.addresses();
        let client = runtime.block_on(async {
            match options.clone().connect(addresses.clone()).await {
                Err(error) if may_pass(&error) => {
                    teller.trouble(ErrorCode::FleetAway, away(&name, &error.to_string()));
                    options.retry_on_initial_connect().connect(addresses).await
                }
                other => other,
            }
        });
        let client = client.map_err(|error| {
            let (server, reason) = (name.clone(), chain(&error));
            match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    FleetError::Denied { server, reason }
                }
                _ => FleetError::Connect { server, reason },
            }
        })?;
        let names = Names::of(&server.name);
        Ok(Arc::new(Self { runtime, client, names, server: name, teller, stations: Mutex::default() }))
    }

    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn teller(&self) -> &Notifier {
        &self.teller
    }

    /// The server's addresses, without login.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Number of connections made so far, including the first.
    pub(super) fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// The longest message that the server accepts, in bytes.
    pub(super) fn longest_message(&self) -> usize {
        self.client.server_info().max_payload
    }

    /// Runs `work` in the background.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(work)
    }

    /// Waits for `work` and calls `tick` twice a second meanwhile.
    ///
    /// # Errors
    /// [`Stopped`] if `tick` returns it. `tick` may also unwind.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>, tick: Tick<'_>) -> Result<T, Stopped> {
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
    pub(super) fn retry<T, E: From<Stopped>, F>(
        &self,
        tick: Tick<'_>,
        mut work: impl FnMut(Arc<JetStreamQueue>) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, QueueError<E>>>,
    {
        loop {
            let attempt = async {
                let stations = self.stations().await.map_err(QueueError::Queue)?;
                work(stations).await
            };
            match self.wait(attempt, tick)? {
                Ok(done) => {
                    self.teller.over(ErrorCode::FleetQueue);
                    return Ok(done);
                }
                Err(QueueError::Own(error)) => return Err(error),
                Err(QueueError::Queue(reason)) => self.pause(&reason, tick)?,
            }
        }
    }

    /// Reports a failure of the queue, and pauses.
    pub(super) fn pause(&self, reason: &str, tick: Tick<'_>) -> Result<(), Stopped> {
        if self.is_up() {
            self.teller.trouble(
                ErrorCode::FleetQueue,
                format!("cannot use the queue at {}, work waits: {reason}", self.server),
            );
        }
        // Streams may have been removed; the next attempt creates those that are missing.
        *self.locked() = None;
        let until = Instant::now() + PAUSE;
        while Instant::now() < until {
            thread::sleep(TICK.min(PAUSE));
            tick()?;
        }
        Ok(())
    }

    /// The streams and stores; creates missing ones.
    async fn stations(&self) -> Result<Arc<JetStreamQueue>, String> {
        if let Some(known) = self.locked().clone() {
            return Ok(known);
        }
        let made = Arc::new(JetStreamQueue::make(&self.client, &self.names).await?);
        *self.locked() = Some(Arc::clone(&made));
        Ok(made)
    }

    fn locked(&self) -> MutexGuard<'_, Option<Arc<JetStreamQueue>>> {
        self.stations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A synchronous reader of `object`.
    pub(super) const fn reader<'a>(&'a self, object: Object, tick: Tick<'a>) -> Blocking<'a> {
        Blocking { link: self, object, chunk: Bytes::new(), tick }
    }
}

fn options(server: &Server, name: &str, teller: &Notifier) -> Result<ConnectOptions, FleetError> {
    let (teller, name) = (teller.clone(), name.to_owned());
    let heard = move |event: Event| {
        match event {
            Event::Disconnected => {
                teller.trouble(ErrorCode::FleetAway, away(&name, "the connection is lost"));
            }
            Event::Connected => {
                teller.over(ErrorCode::FleetDenied);
                if teller.over(ErrorCode::FleetAway) {
                    teller.notice(Level::Info, None, format!("the queue at {name} is connected again"));
                }
            }
            Event::ServerError(error) => {
                teller.trouble(ErrorCode::FleetQueue, format!("the queue at {name} reports an error: {error}"));
            }
            // While reconnecting.
            Event::ClientError(ClientError::Other(reason)) if reason.contains(DENIAL) => {
                let text = format!("the queue at {name} rejects the login, work waits: {reason}");
                teller.trouble(ErrorCode::FleetDenied, text);
            }
            Event::ClientError(_) | Event::SlowConsumer(_) | Event::LameDuckMode | Event::Draining | Event::Closed => {}
        }
        std::future::ready(())
    };
    let options = ConnectOptions::new()
        .name("octrls")
        .event_callback(heard)
        .reconnect_delay_callback(|attempts| SLOWEST.min(Duration::from_millis(200 * attempts.min(100) as u64)));
    let login = if server.login == Login::Nobody { server.url.login() } else { &server.login };
    let mut options = match login.clone() {
        Login::Nobody => options,
        Login::Password(user, password) => options.user_and_password(user, password),
        Login::Token(token) => options.token(token),
        Login::Credentials(path) => {
            let text = read_secret(&path).map_err(|source| FleetError::File { path: path.clone(), source })?;
            // The parser's error may contain the secret.
            options
                .credentials(&text)
                .map_err(|_| FleetError::File { path, source: io::Error::other("not a NATS credentials file") })?
        }
    };
    let pem = |path: &std::path::Path| {
        std::fs::read(path).map_err(|source| FleetError::File { path: path.to_owned(), source }).and_then(|bytes| {
            let whole = bytes.windows(10).any(|w| w == b"-----BEGIN");
            let source = io::Error::other("no PEM certificate or key in it");
            if whole { Ok(()) } else { Err(FleetError::File { path: path.to_owned(), source }) }
        })
    };
    if let Some(ca) = &server.ca {
        pem(ca)?;
        options = options.add_root_certificates(ca.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &server.certificate {
        pem(certificate)?;
        pem(key)?;
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(options)
}

/// Whether connecting may succeed later. A rejected certificate is permanent.
fn may_pass(error: &ConnectError) -> bool {
    let kind = matches!(error.kind(), ConnectErrorKind::Dns | ConnectErrorKind::Io | ConnectErrorKind::TimedOut);
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    kind && source.is_none_or(|source| source.kind() != io::ErrorKind::InvalidData)
}

fn away(server: &str, reason: &str) -> String {
    format!("the queue at {server} cannot be reached, work waits: {reason}")
}

/// An error with its causes, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// A blocking reader of an object, with a time limit for each part.
pub(super) struct Blocking<'a> {
    link: &'a Link,
    object: Object,
    chunk: Bytes,
    tick: Tick<'a>,
}

impl Read for Blocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { link, object, chunk, tick } = self;
        while chunk.is_empty() && !buffer.is_empty() {
            let next = link.wait(async { timeout(STALLED, object.chunk()).await }, &mut **tick);
            match next.map_err(|Stopped| io::Error::from(io::ErrorKind::ConnectionAborted))? {
                Ok(Ok(Some(more))) => *chunk = more,
                Ok(Ok(None)) => return Ok(0),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        let most = buffer.len().min(chunk.len());
        buffer[..most].copy_from_slice(&chunk.split_to(most));
        Ok(most)
    }
}

/// Adapts a synchronous reader for async code of the same thread. Fills each buffer completely, except at the end.
pub(super) struct Full<R>(pub(super) R);

impl<R: Read + Unpin> AsyncRead for Full<R> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while buffer.remaining() > 0 {
            let read = self.0.read(buffer.initialize_unfilled())?;
            if read == 0 {
                break;
            }
            buffer.advance(read);
        }
        Poll::Ready(Ok(()))
    }
}
