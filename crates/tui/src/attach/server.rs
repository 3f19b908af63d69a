//! The server: the socket, and an event queue for each client.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    net::Shutdown,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use octrls_engine::{Event, EventKind, EventSink, is_due};

use super::{
    error::AttachError,
    framing,
    protocol::{Message, Request},
};
use crate::{Controls, state::Model};

/// Clients at once.
const MAX_CLIENTS: usize = 8;
/// Unread events after which a client is disconnected.
const QUEUE_CAPACITY: usize = 4096;
/// Time limit for one write to a client.
const IO_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for sending the last events when the engine stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Least time between two requests of one client.
const REQUEST_INTERVAL: Duration = Duration::from_millis(20);
/// Permissions of the socket: owner and group.
const SOCKET_MODE: u32 = 0o660;

/// Accepts clients until dropped.
#[derive(Debug)]
pub struct AttachServer {
    shared: Arc<Shared>,
    path: PathBuf,
    /// Device and inode of our socket.
    identity: (u64, u64),
    /// Disconnected once the last writer has ended.
    writers: Receiver<()>,
}

#[derive(Debug)]
struct Shared {
    clients: Mutex<Clients>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Clients {
    model: Model,
    connected: HashMap<u64, Client>,
    last_id: u64,
    /// Whether the engine has stopped: new clients get the final state, and no events.
    stopped: bool,
}

#[derive(Debug)]
struct Client {
    queue: Sender<Event>,
    stream: UnixStream,
}

impl Client {
    /// Puts an event into the client's queue. If the queue is full, disconnects the client and returns false.
    fn enqueue(&self, event: &Event) -> bool {
        if !is_due(&event.kind, self.queue.len()) {
            return true;
        }
        let full = matches!(self.queue.try_send(event.clone()), Err(TrySendError::Full(_)));
        if full {
            // Unblocks a pending write, so that the client's threads end.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        !full
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttachServer {
    /// Opens a socket at `path`, for its owner and group only; requests go to `controls`. Replaces a stale socket.
    ///
    /// # Errors
    /// [`AttachError::Socket`] if `path` is another kind of file or in use, or the socket cannot be created.
    pub fn open(path: &Path, controls: impl Controls + Send + Sync + 'static) -> Result<Self, AttachError> {
        let failed = |source| AttachError::Socket { path: path.to_owned(), source };
        let (listener, identity) = bind(path).map_err(failed)?;
        let shared = Arc::new(Shared { clients: Mutex::default(), ended: AtomicBool::new(false) });
        let (alive, writers) = bounded(0);
        let (server, controls) = (Arc::clone(&shared), Arc::new(controls));
        let accept = move || accept_clients(&listener, &server, &controls, &alive);
        thread::Builder::new().name("octrls-attach".into()).spawn(accept).map_err(failed)?;
        Ok(Self { shared, path: path.to_owned(), identity, writers })
    }
}

impl EventSink for AttachServer {
    /// Sends the event to all clients; disconnects those that lag too far behind.
    fn event(&mut self, event: &Event) {
        let mut clients = self.shared.lock();
        clients.model.apply(event);
        clients.connected.retain(|_, client| client.enqueue(event));
        if matches!(event.kind, EventKind::Stopped(_)) {
            clients.stopped = true;
            clients.connected.clear();
        }
    }
}

impl Drop for AttachServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.shared.lock().connected.clear();
        // Wakes the accepting thread, which checks `ended` only after a connection.
        let _ = UnixStream::connect(&self.path);
        if fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
        // Nothing is ever sent; the channel disconnects when all writers have ended.
        let _ = self.writers.recv_timeout(CLOSE_TIMEOUT);
    }
}

/// Creates the socket under a temporary name and renames it, so that `path` never has wider permissions.
fn bind(path: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists and is not a socket"));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another octrls uses it"));
        }
        _ => {}
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_file(&unfinished);
    let listener = UnixListener::bind(&unfinished)?;
    let placed = fs::set_permissions(&unfinished, fs::Permissions::from_mode(SOCKET_MODE))
        .and_then(|()| fs::symlink_metadata(&unfinished))
        .and_then(|file| fs::rename(&unfinished, path).map(|()| (file.dev(), file.ino())));
    let identity = placed.inspect_err(|_| _ = fs::remove_file(&unfinished))?;
    Ok((listener, identity))
}

fn accept_clients<C: Controls + Send + Sync + 'static>(
    listener: &UnixListener,
    shared: &Arc<Shared>,
    controls: &Arc<C>,
    alive: &Sender<()>,
) {
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::Relaxed) {
            return;
        }
        // Without free file descriptors, accepting fails at once: do not spin.
        let Ok(stream) = stream else {
            thread::sleep(Duration::from_secs(1));
            continue;
        };
        let (shared, controls, alive) = (Arc::clone(shared), Arc::clone(controls), alive.clone());
        let serve = move || {
            // Clients may disconnect at any time.
            let _ = serve_client(stream, &shared, &controls);
            drop(alive);
        };
        // If no thread can be started, the connection is dropped.
        let _ = thread::Builder::new().name("octrls-attached".into()).spawn(serve);
    }
}

/// Sends one client the state, then events, until either side closes.
fn serve_client<C: Controls + Send + Sync + 'static>(
    mut stream: UnixStream,
    shared: &Arc<Shared>,
    controls: &Arc<C>,
) -> io::Result<()> {
    stream.set_write_timeout(Some(IO_TIMEOUT))?;
    let (queue, events) = bounded(QUEUE_CAPACITY);
    let client = Client { queue, stream: stream.try_clone()? };
    let (id, model) = {
        let mut clients = shared.lock();
        if clients.connected.len() >= MAX_CLIENTS {
            drop(clients);
            return framing::greet(stream, framing::BUSY);
        }
        clients.last_id += 1;
        let id = clients.last_id;
        if !clients.stopped {
            clients.connected.insert(id, client);
        }
        (id, clients.model.clone())
    };
    let requests = stream.try_clone()?;
    let (server, controls) = (Arc::clone(shared), Arc::clone(controls));
    let read_requests = move || {
        receive_requests(&mut &requests, &*controls, REQUEST_INTERVAL);
        server.lock().connected.remove(&id);
    };
    let reader = thread::Builder::new().name("octrls-requests".into()).spawn(read_requests);
    let sent = reader.and_then(|_| {
        framing::greet(&stream, &framing::greeting())?;
        send_all(&mut stream, model, &events)
    });
    shared.lock().connected.remove(&id);
    // Also ends the thread that reads requests.
    let _ = stream.shutdown(Shutdown::Both);
    sent
}

/// Sends the state, its B-scans, and then the events.
fn send_all(stream: &mut UnixStream, model: Model, events: &Receiver<Event>) -> io::Result<()> {
    let bscans = model.bscans_with_pixels();
    framing::send(stream, &Message::State(Box::new(model)))?;
    for (id, bscan) in bscans {
        framing::send(stream, &Message::BScan(id, bscan))?;
    }
    framing::send(stream, &Message::Live)?;
    events.iter().try_for_each(|event| framing::send(stream, &Message::Event(Box::new(event))))
}

/// Passes a client's requests to `controls`. Pauses for `interval` after each, so that no client can flood the engine.
pub(super) fn receive_requests(stream: &mut impl Read, controls: &dyn Controls, interval: Duration) {
    if framing::expect_greeting(stream).is_err() {
        return;
    }
    while let Ok(request) = framing::receive(stream, framing::MAX_REQUEST_BYTES) {
        match request {
            Request::Drain => controls.drain(),
            Request::Abort => controls.abort(),
            Request::Pause(paused) => controls.pause(paused),
            Request::Rescan => controls.rescan(),
            Request::Retry(id) => controls.retry(id),
            Request::ChangeLedger(change) => controls.change_ledger(change),
        }
        thread::sleep(interval);
    }
}
