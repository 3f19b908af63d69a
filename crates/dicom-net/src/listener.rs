//! The listening node: one thread for each association, up to a limit.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    AeTitle, NodeError, NodeEvent, Peer, ServerTls, Stop,
    inbox::Inbox,
    negotiation::Policy,
    seats::{Place, Seats},
    session::{Node, serve},
};

/// Poll interval for new connections and a stop request.
const TICK: Duration = Duration::from_millis(50);

/// Settings of a listening node.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// Address to listen at; port 0 takes any free port.
    pub address: SocketAddr,
    /// Title of this node; peers must call it by this title.
    pub title: AeTitle,
    /// Calling titles to accept. Empty accepts all, which is allowed on a loopback address only.
    pub allowed: Vec<AeTitle>,
    /// Most associations at once, at least one. For one more, the one that is idle for longest is closed; if none is idle,
    /// it is rejected as transient.
    pub max_associations: usize,
    /// Longest accepted data set, in bytes.
    pub max_instance_bytes: u64,
    /// Time limit for one protocol data unit, including the wait for it.
    pub timeout: Duration,
    /// Certificates for connections with TLS; `None` accepts connections without encryption.
    pub tls: Option<ServerTls>,
}

/// A listening node.
///
/// Dropping it requests a stop and does not wait; [`Listener::join`] waits.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts to receive instances into `folder`. Several threads call `report` with events.
    ///
    /// # Errors
    /// [`NodeError`] if the address or folder cannot be used, another process receives into the folder, or the address
    /// is not loopback and no titles are allowed explicitly.
    pub fn start(
        folder: &Path,
        options: ListenerOptions,
        report: impl Fn(NodeEvent) + Send + Sync + 'static,
    ) -> Result<Self, NodeError> {
        let ListenerOptions { address, title, allowed, max_associations, max_instance_bytes, timeout, tls } = options;
        if allowed.is_empty() && !address.ip().is_loopback() {
            return Err(NodeError::Unrestricted { address });
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
            max_bytes: max_instance_bytes,
            timeout,
            tls,
            stop: stop.clone(),
            report: Box::new(report),
        };
        let thread = thread::Builder::new()
            .name("octrls-listener".to_owned())
            .spawn(move || listen(&socket, &Arc::new(node), max_associations.max(1)))
            .map_err(NodeError::Thread)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The actual address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle to stop it.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits until it is stopped and all associations have ended.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic also ends the listener.
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
    let seats = Seats::default();
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !node.stop.draining() {
        match socket.accept() {
            Ok((connection, address)) => {
                threads.retain(|thread| !thread.is_finished());
                threads.extend(admit(node, &seats, max_associations, connection, address));
            }
            // No connection, or no free file descriptors, which closing associations release.
            Err(error) if error.kind() != ErrorKind::Interrupted => thread::sleep(TICK),
            Err(_) => {}
        }
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Starts a thread for the connection. Up to `max_associations` are served; then the one that is idle for longest goes. If
/// none is idle, as many again are rejected by protocol, and further ones are closed.
fn admit(
    node: &Arc<Node>,
    seats: &Seats,
    max_associations: usize,
    connection: TcpStream,
    address: SocketAddr,
) -> Option<JoinHandle<()>> {
    let (seat, place) = seats.take(max_associations);
    let admitted = place == Place::Served;
    let report_rejection = |reason: &str| {
        let peer = Peer { address, title: String::new() };
        (node.report)(NodeEvent::TurnedAway { peer, reason: reason.to_owned() });
    };
    if place == Place::Closed {
        report_rejection("too many connections");
        return None;
    }
    // On some systems, connections inherit the listener's mode.
    if let Err(error) = connection.set_nonblocking(false) {
        report_rejection(&error.to_string());
        return None;
    }
    let node_of_thread = Arc::clone(node);
    let spawned = thread::Builder::new().name("octrls-association".to_owned()).spawn(move || {
        let node = node_of_thread;
        if catch_unwind(AssertUnwindSafe(|| serve(&node, connection, seat, address, admitted))).is_err() {
            let peer = Peer { address, title: String::new() };
            (node.report)(NodeEvent::TurnedAway { peer, reason: "internal error".to_owned() });
        }
    });
    spawned.inspect_err(|error| report_rejection(&error.to_string())).ok()
}
