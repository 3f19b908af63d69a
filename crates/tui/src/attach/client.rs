//! The client: connects to an engine, receives its state, then its events, and sends requests.

use std::{
    io::{self, BufReader, Read},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, bounded};
use octrls_engine::{Event, EventKind, ScanId, is_due};

use super::{
    error::AttachError,
    framing,
    protocol::{Message, Request},
    validate,
};
use crate::{Controls, LedgerChange, state::Model};

/// Time limit for the server to send its state, or to accept a request.
const IO_TIMEOUT: Duration = Duration::from_secs(10);
/// Capacity of the queue of events for the screen.
const QUEUE_CAPACITY: usize = 4096;

/// A connection to an engine in another process.
pub struct AttachClient {
    /// The engine's state at the time of connecting.
    pub model: Model,
    /// Later events; the channel disconnects with the connection.
    pub events: Receiver<Event>,
    controls: RemoteControls,
    /// The error that ended the connection.
    failure: Arc<Mutex<Option<AttachError>>>,
}

/// Sends requests to the engine.
pub struct RemoteControls {
    stream: UnixStream,
    /// Whether this side closes the connection, so that its end is no error.
    closing: Arc<AtomicBool>,
}

impl AttachClient {
    /// Connects to the socket at `path` and receives the engine's state.
    ///
    /// # Errors
    /// [`AttachError`] if nothing listens there, the server has another version, or it does not answer in time.
    pub fn connect(path: &Path) -> Result<Self, AttachError> {
        let connected = UnixStream::connect(path);
        let stream = connected.map_err(|source| AttachError::Connect { path: path.to_owned(), source })?;
        stream.set_read_timeout(Some(IO_TIMEOUT))?;
        stream.set_write_timeout(Some(IO_TIMEOUT))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        framing::expect_greeting(&mut reader)?;
        framing::greet(&stream, &framing::greeting())?;
        let model = receive_state(&mut reader)?;
        stream.set_read_timeout(None)?;
        let (sender, events) = bounded::<Event>(QUEUE_CAPACITY);
        let (closing, failure) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (reader_failure, reader_closing) = (Arc::clone(&failure), Arc::clone(&closing));
        let read_events = move || {
            let error = loop {
                let event = match receive_message(&mut reader) {
                    Ok(Message::Event(event)) => event,
                    Ok(_) => break AttachError::Malformed("a second state".to_owned()),
                    Err(error) => break error,
                };
                let last = matches!(event.kind, EventKind::Stopped(_));
                if is_due(&event.kind, sender.len()) && sender.send(*event).is_err() || last {
                    return;
                }
            };
            if !reader_closing.load(Ordering::Relaxed) {
                *reader_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        };
        thread::Builder::new().name("octrls-attached".into()).spawn(read_events)?;
        let controls = RemoteControls { stream, closing };
        Ok(Self { model, events, controls, failure })
    }

    /// Sends requests to the engine.
    #[must_use]
    pub fn controls(&self) -> &RemoteControls {
        &self.controls
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The error that ended the connection earlier, if any.
    pub fn close(self) -> Result<(), AttachError> {
        self.controls.closing.store(true, Ordering::Relaxed);
        // Fails only if the connection is already gone.
        let _ = self.controls.stream.shutdown(Shutdown::Both);
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }
}

impl RemoteControls {
    fn send(&self, request: &Request) {
        // The reading thread reports a broken connection.
        let _: io::Result<()> = framing::send(&mut &self.stream, request);
    }
}

impl Controls for RemoteControls {
    fn drain(&self) {
        self.send(&Request::Drain);
    }

    fn abort(&self) {
        self.send(&Request::Abort);
    }

    fn pause(&self, paused: bool) {
        self.send(&Request::Pause(paused));
    }

    fn rescan(&self) {
        self.send(&Request::Rescan);
    }

    fn change_ledger(&self, change: LedgerChange) {
        self.send(&Request::ChangeLedger(change));
    }

    fn retry(&self, scan: ScanId) {
        self.send(&Request::Retry(scan));
    }
}

/// Reads the engine's state, up to [`Message::Live`].
pub(super) fn receive_state(reader: &mut impl Read) -> Result<Model, AttachError> {
    let Message::State(mut model) = receive_message(reader)? else {
        return Err(AttachError::Malformed("the first message is not a state".to_owned()));
    };
    loop {
        let is_expected = match receive_message(reader)? {
            Message::BScan(id, bscan) => model.restore_pixels(id, bscan),
            Message::Live => return Ok(*model),
            _ => false,
        };
        if !is_expected {
            return Err(AttachError::Malformed("an unexpected message within the state".to_owned()));
        }
    }
}

/// Reads one message and checks its values.
pub(super) fn receive_message(reader: &mut impl Read) -> Result<Message, AttachError> {
    let message = framing::receive(reader, framing::MAX_MESSAGE_BYTES)?;
    if validate::is_valid(&message) {
        Ok(message)
    } else {
        Err(AttachError::Malformed("inconsistent values".to_owned()))
    }
}
