//! The byte stream below an association: a TCP connection, plain or with TLS.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use rustls::{ClientConnection, ServerConnection, StreamOwned};

/// Wait for bytes of a handshake before the time limit and a stop are looked at.
const TICK: Duration = Duration::from_millis(200);

/// A connected byte stream.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Transport {
    /// The TCP connection.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }

    /// Completes the handshake of TLS within `timeout`, unless `is_stopping`.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`], [`ErrorKind::Interrupted`] for a stop, or what the peers do not agree about.
    pub(super) fn shake_hands(&mut self, timeout: Duration, is_stopping: impl Fn() -> bool) -> io::Result<()> {
        let deadline = Instant::now() + timeout;
        self.socket().set_read_timeout(Some(TICK.min(timeout)))?;
        loop {
            let done = match self {
                Self::Client(stream) if stream.conn.is_handshaking() => stream.conn.complete_io(&mut stream.sock),
                Self::Server(stream) if stream.conn.is_handshaking() => stream.conn.complete_io(&mut stream.sock),
                _ => return Ok(()),
            };
            match done {
                Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(e),
                _ if is_stopping() => return Err(ErrorKind::Interrupted.into()),
                _ if Instant::now() >= deadline => return Err(ErrorKind::TimedOut.into()),
                _ => {}
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(super) fn shut_down(&mut self, how: Shutdown) {
        // Errors no longer matter: the connection is over.
        match self {
            Self::Plain(_) => {}
            Self::Client(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
            Self::Server(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
        let _ = self.socket().shutdown(how);
    }
}

impl From<TcpStream> for Transport {
    fn from(socket: TcpStream) -> Self {
        Self::Plain(socket)
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Client(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}
