//! An HTTP server for `GET /metrics` and `GET /healthz` only.
//!
//! It closes each connection after one answer. Size, time and number of concurrent requests are limited, so that
//! clients cannot exhaust the process. Clients that connect and send no request cannot keep others out: the one that is
//! silent for longest makes room.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use octrls_engine::EngineHandle;

use super::Metrics;

/// Longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// Time limit for receiving a request, and for sending an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Clients whose requests are awaited at once.
const MAX_WAITING: usize = 8;
/// Connections at once, with those that are being answered.
const MAX_CONNECTIONS: usize = 32;
/// Time limit for the engine's answer to a health check.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks the watcher's health.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) metrics: Metrics,
    pub(crate) engine: EngineHandle,
}

impl Health {
    /// The current problem, if any.
    fn problem(&self) -> Option<&'static str> {
        let problem = self.engine.problem(ENGINE_TIMEOUT);
        problem.or_else(|| (!self.metrics.is_online()).then_some("the watched folder is unavailable"))
    }
}

/// Starts the server at `address`, until the process ends. Returns the actual address: port 0 takes any free port.
///
/// # Errors
/// If the server cannot listen at the address.
pub(crate) fn serve(address: SocketAddr, health: Health) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let (active, waiting) = (Arc::new(AtomicUsize::new(0)), Waiting::default());
    let work = move || {
        for stream in listener.incoming() {
            // Without free file descriptors, accepting fails at once: do not spin.
            let Ok(stream) = stream else {
                thread::sleep(Duration::from_secs(1));
                continue;
            };
            // Before anything else, so that silent clients make room at once.
            let stream = Arc::new(stream);
            waiting.add(&stream);
            if !has_place(&active) {
                waiting.remove(&stream);
                continue;
            }
            let (health, answered, waiting) = (health.clone(), Arc::clone(&active), waiting.clone());
            let answer = move || {
                // Clients may disconnect at any time.
                let _ = answer(&stream, &health, &waiting);
                answered.fetch_sub(1, Ordering::Relaxed);
            };
            if thread::Builder::new().name("octrls-http".into()).spawn(answer).is_err() {
                active.fetch_sub(1, Ordering::Relaxed);
            }
        }
    };
    thread::Builder::new().name("octrls-metrics".into()).spawn(work)?;
    Ok(address)
}

/// Takes a place for a connection; waits a second for those that are ending.
fn has_place(active: &AtomicUsize) -> bool {
    for _ in 0..100 {
        if active.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS {
            return true;
        }
        active.fetch_sub(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(10));
    }
    false
}

/// The connections whose requests have not arrived, in the order in which they came.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<VecDeque<Arc<TcpStream>>>>);

impl Waiting {
    /// Adds a connection. If there are too many, the first is closed.
    fn add(&self, stream: &Arc<TcpStream>) {
        let mut waiting = self.lock();
        waiting.push_back(Arc::clone(stream));
        if waiting.len() > MAX_WAITING
            && let Some(first) = waiting.pop_front()
        {
            // It may have disconnected.
            let _ = first.shutdown(Shutdown::Both);
        }
    }

    fn remove(&self, stream: &Arc<TcpStream>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, stream));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<TcpStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(stream: &Arc<TcpStream>, health: &Health, waiting: &Waiting) -> io::Result<()> {
    let head = read_head(stream);
    waiting.remove(stream);
    let (head, mut stream) = (head?, &**stream);
    stream.set_write_timeout(Some(TIMEOUT))?;
    let (status, kind, body) = reply(&head, health);
    let length = body.len();
    let fields = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    );
    stream.write_all(fields.as_bytes())?;
    if !head.starts_with(b"HEAD ") {
        stream.write_all(&body)?;
    }
    stream.flush()
}

/// Reads a request up to the end of its headers.
fn read_head(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let start = Instant::now();
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() <= MAX_HEAD_BYTES {
        let remaining = TIMEOUT.checked_sub(start.elapsed()).filter(|remaining| !remaining.is_zero());
        stream.set_read_timeout(Some(remaining.ok_or(io::ErrorKind::TimedOut)?))?;
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&piece[..n]),
        }
    }
    Ok(head)
}

const TEXT: &str = "text/plain; charset=utf-8";

fn reply(head: &[u8], health: &Health) -> (&'static str, &'static str, Vec<u8>) {
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let mut parts = line.split(|b| *b == b' ');
    let (method, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let version = parts.next().unwrap_or_default();
    if head.len() > MAX_HEAD_BYTES {
        return ("431 Request Header Fields Too Large", TEXT, b"too long\n".to_vec());
    }
    if !version.starts_with(b"HTTP/1.") {
        return ("400 Bad Request", TEXT, b"not HTTP/1\n".to_vec());
    }
    if method != b"GET" && method != b"HEAD" {
        return ("405 Method Not Allowed", TEXT, b"GET only\n".to_vec());
    }
    match target.split(|b| *b == b'?').next().unwrap_or_default() {
        b"/metrics" => match health.metrics.text() {
            Ok(text) => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", text),
            Err(error) => ("500 Internal Server Error", TEXT, format!("{error}\n").into_bytes()),
        },
        b"/healthz" => match health.problem() {
            None => ("200 OK", TEXT, b"ok\n".to_vec()),
            Some(problem) => ("503 Service Unavailable", TEXT, format!("{problem}\n").into_bytes()),
        },
        _ => ("404 Not Found", TEXT, b"/metrics or /healthz\n".to_vec()),
    }
}
