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

use super::{AttachError, Message, Request, frame, validate};
use crate::{Controls, state::Model};
use octrls_engine::{Event, EventKind, ScanId, is_due};

/// Time limit for the server to send its state, or to accept a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Capacity of the queue of events for the screen.
const QUEUE: usize = 4096;

/// A connection to an engine in another process.
pub struct Attached {
    /// The engine's state at the time of connecting.
    pub so_far: Model,
    /// Later events; the channel closes with the connection.
    pub events: Receiver<Event>,
    line: Line,
    ended: Arc<Mutex<Option<AttachError>>>,
}

/// Sends requests to the engine.
pub struct Line {
    stream: UnixStream,
    /// Whether this side closes the connection, so that its end is no error.
    left: Arc<AtomicBool>,
}

impl Attached {
    /// Connects to the socket at `path` and receives the engine's state.
    ///
    /// # Errors
    /// [`AttachError`] if nothing listens there, the server has another version, or it does not answer in time.
    pub fn connect(path: &Path) -> Result<Self, AttachError> {
        let connected = UnixStream::connect(path);
        let stream = connected.map_err(|source| AttachError::Connect { path: path.to_owned(), source })?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        frame::expect_greeting(&mut reader)?;
        frame::greet(&stream, &frame::greeting())?;
        let so_far = state(&mut reader)?;
        stream.set_read_timeout(None)?;
        let (sender, events) = bounded::<Event>(QUEUE);
        let (left, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (told, wanted) = (Arc::clone(&ended), Arc::clone(&left));
        let work = move || {
            let error = loop {
                let event = match message(&mut reader) {
                    Ok(Message::Event(event)) => event,
                    Ok(_) => break AttachError::Malformed("a second state".to_owned()),
                    Err(error) => break error,
                };
                let last = matches!(event.kind, EventKind::Stopped(_));
                if is_due(&event.kind, sender.len()) && sender.send(*event).is_err() || last {
                    return;
                }
            };
            if !wanted.load(Ordering::Relaxed) {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        };
        thread::Builder::new().name("octrls-attached".into()).spawn(work)?;
        let line = Line { stream, left };
        Ok(Self { so_far, events, line, ended })
    }

    /// Where to send requests.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Closes the connection; returns the error that ended it earlier, if any.
    pub fn leave(self) -> Result<(), AttachError> {
        self.line.left.store(true, Ordering::Relaxed);
        // Fails only if the connection is already gone.
        let _ = self.line.stream.shutdown(Shutdown::Both);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended.map_or(Ok(()), Err)
    }
}

impl Line {
    fn ask(&self, request: Request) {
        // The reading thread reports a broken connection.
        let _: io::Result<()> = frame::send(&mut &self.stream, &request);
    }
}

impl Controls for Line {
    fn drain(&self) {
        self.ask(Request::Drain);
    }

    fn abort(&self) {
        self.ask(Request::Abort);
    }

    fn pause(&self, paused: bool) {
        self.ask(Request::Pause(paused));
    }

    fn rescan(&self) {
        self.ask(Request::Rescan);
    }

    fn retry(&self, scan: ScanId) {
        self.ask(Request::Retry(scan));
    }
}

/// Reads the engine's state, up to [`Message::Live`].
pub(super) fn state(reader: &mut impl Read) -> Result<Model, AttachError> {
    let Message::State(mut model) = message(reader)? else {
        return Err(AttachError::Malformed("the first message is not a state".to_owned()));
    };
    loop {
        let fits = match message(reader)? {
            Message::Picture(id, picture) => model.restore(id, picture),
            Message::Live => return Ok(*model),
            _ => false,
        };
        if !fits {
            return Err(AttachError::Malformed("an unexpected message within the state".to_owned()));
        }
    }
}

/// Reads one message and checks its values.
pub(super) fn message(reader: &mut impl Read) -> Result<Message, AttachError> {
    let message = frame::receive(reader, frame::LONGEST_MESSAGE)?;
    if validate::is_sound(&message) {
        Ok(message)
    } else {
        Err(AttachError::Malformed("inconsistent values".to_owned()))
    }
}
