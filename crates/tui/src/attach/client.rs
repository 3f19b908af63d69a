//! A screen's end: connects, takes the state so far, and passes events and requests on.

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

use super::{AttachError, Message, Request, frame, sound};
use crate::{Controls, state::Model};
use octrls_engine::{Event, EventKind, ScanId, is_due};

/// How long the other end may take to send the state so far, or to accept a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Events that may wait for the screen.
const QUEUE: usize = 4096;

/// A connection to an engine in another process.
pub struct Attached {
    /// What the engine has done so far.
    pub so_far: Model,
    /// What it does from then on; ends with the connection.
    pub events: Receiver<Event>,
    line: Line,
    ended: Arc<Mutex<Option<AttachError>>>,
}

/// The way back to the engine.
pub struct Line {
    stream: UnixStream,
    /// Whether this end wants to leave.
    left: Arc<AtomicBool>,
}

impl Attached {
    /// Connects to the socket at `path`, and takes the state so far.
    ///
    /// # Errors
    /// [`AttachError`] when nobody listens there, or the other end is of another version, or does not answer.
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
                    Ok(_) => break AttachError::Malformed("a state after the state".to_owned()),
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

    /// The way back to the engine.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Leaves; fails when the other end left first, without having stopped.
    pub fn leave(self) -> Result<(), AttachError> {
        self.line.left.store(true, Ordering::Relaxed);
        // A connection that is gone needs no end.
        let _ = self.line.stream.shutdown(Shutdown::Both);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended.map_or(Ok(()), Err)
    }
}

impl Line {
    fn ask(&self, request: Request) {
        // A request that does not arrive is seen to have no effect, and the end of the connection is told.
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

/// Takes the state so far, up to the mark.
pub(super) fn state(reader: &mut impl Read) -> Result<Model, AttachError> {
    let Message::State(mut model) = message(reader)? else {
        return Err(AttachError::Malformed("no state at the beginning".to_owned()));
    };
    loop {
        let fits = match message(reader)? {
            Message::Picture(id, picture) => model.restore(id, picture),
            Message::Live => return Ok(*model),
            _ => false,
        };
        if !fits {
            return Err(AttachError::Malformed("something else within the state".to_owned()));
        }
    }
}

/// Takes one message, if what it says can be shown.
pub(super) fn message(reader: &mut impl Read) -> Result<Message, AttachError> {
    let message = frame::receive(reader, frame::LONGEST_MESSAGE)?;
    if sound::is_sound(&message) {
        Ok(message)
    } else {
        Err(AttachError::Malformed("figures that do not fit together".to_owned()))
    }
}
