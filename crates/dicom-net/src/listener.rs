//! Listening: a thread for each association, up to a limit.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    AeTitle, NodeError, NodeEvent, Peer, Stop,
    inbox::Inbox,
    negotiation::Policy,
    session::{Node, serve},
};

/// How often a new connection and a request to stop are looked for.
const TICK: Duration = Duration::from_millis(50);

/// Where to listen, to whom, and how patiently.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// Address to listen at; port 0 takes any that is free.
    pub address: SocketAddr,
    /// The title by which peers call this node; they must know it.
    pub title: AeTitle,
    /// Titles that may call. None means all, which is refused where other machines reach the address.
    pub allowed: Vec<AeTitle>,
    /// Associations at once, at least one; further ones are told to come later.
    pub max_associations: usize,
    /// Longest data set of an instance, in bytes.
    pub max_instance_bytes: u64,
    /// Longest silence of a peer, and longest time for one unit of its data.
    pub timeout: Duration,
}

/// A listening node.
///
/// Dropping it stops it without waiting for it; [`Listener::join`] waits.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens, and receives instances into `folder`. `report` is told what happens, from several threads.
    ///
    /// # Errors
    /// [`NodeError`] when the address or folder cannot be used, another process receives into the folder, or other
    /// machines reach the address and no titles are named.
    pub fn start(
        folder: &Path,
        options: ListenerOptions,
        report: impl Fn(NodeEvent) + Send + Sync + 'static,
    ) -> Result<Self, NodeError> {
        let ListenerOptions { address, title, allowed, max_associations, max_instance_bytes, timeout } = options;
        if allowed.is_empty() && !address.ip().is_loopback() {
            return Err(NodeError::Open { address });
        }
        let inbox = Inbox::open(folder, max_instance_bytes)?;
        let failed = |source| NodeError::Listen { address, source };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let stop = Stop::default();
        report(NodeEvent::Listening { address, title: title.clone() });
        let node = Node {
            policy: Policy { title, allowed },
            inbox,
            limit: max_instance_bytes,
            timeout,
            stop: stop.clone(),
            report: Box::new(report),
        };
        let thread = thread::Builder::new()
            .name("octrls-listener".to_owned())
            .spawn(move || listen(&socket, &Arc::new(node), max_associations.max(1)))
            .map_err(NodeError::Thread)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A means to stop it from elsewhere.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits until it was stopped and all associations have ended.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // A listener that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.drain();
    }
}

fn listen(socket: &TcpListener, node: &Arc<Node>, max_associations: usize) {
    let seats = Arc::new(AtomicUsize::new(0));
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !node.stop.draining() {
        match socket.accept() {
            Ok((connection, address)) => {
                threads.retain(|thread| !thread.is_finished());
                threads.extend(admit(node, &seats, max_associations, connection, address));
            }
            // Also when the system is out of descriptors: peers that leave give some back.
            Err(error) if error.kind() != ErrorKind::Interrupted => thread::sleep(TICK),
            Err(_) => {}
        }
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Gives the connection a thread: as an association while there are seats, and as many again to be turned away in form.
fn admit(
    node: &Arc<Node>,
    seats: &Arc<AtomicUsize>,
    max_associations: usize,
    connection: TcpStream,
    address: SocketAddr,
) -> Option<JoinHandle<()>> {
    let seat = Seat::take(seats);
    let admitted = seat.number < max_associations;
    let turned_away = |reason: &str| {
        let peer = Peer { address, title: String::new() };
        (node.report)(NodeEvent::TurnedAway { peer, reason: reason.to_owned() });
    };
    if seat.number >= 2 * max_associations {
        turned_away("too many connections");
        return None;
    }
    // Some systems hand the listener's own mode down.
    if let Err(error) = connection.set_nonblocking(false) {
        turned_away(&error.to_string());
        return None;
    }
    let node_of_thread = Arc::clone(node);
    let spawned = thread::Builder::new().name("octrls-association".to_owned()).spawn(move || {
        let _seat = seat;
        let node = node_of_thread;
        if catch_unwind(AssertUnwindSafe(|| serve(&node, connection, address, admitted))).is_err() {
            let peer = Peer { address, title: String::new() };
            (node.report)(NodeEvent::TurnedAway { peer, reason: "internal error".to_owned() });
        }
    });
    spawned.inspect_err(|error| turned_away(&error.to_string())).ok()
}

/// One of the connections that are served at once.
struct Seat {
    seats: Arc<AtomicUsize>,
    /// Seats that were taken before it.
    number: usize,
}

impl Seat {
    fn take(seats: &Arc<AtomicUsize>) -> Self {
        Self { seats: Arc::clone(seats), number: seats.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.fetch_sub(1, Ordering::Relaxed);
    }
}
