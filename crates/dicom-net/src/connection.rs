//! A connection: sends and receives protocol data units (PDUs; PS3.8, section 9.3), each with a time limit.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    time::{Duration, Instant},
};

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, PDataValue, PDataValueType, Pdu, read_pdu, write_pdu,
};

use super::{MAX_PDU, Stop, command::Command, seats::Seat, transport::Transport};

/// Bytes of a message that a peer must send in a second, on the average after the first `timeout`.
const LEAST_RATE: u64 = 8 << 10;
/// Poll interval for a stop request.
const TICK: Duration = Duration::from_millis(200);
/// Length of a PDU's type and length fields, in bytes.
const HEADER: usize = 6;
const PDU_TYPES: std::ops::RangeInclusive<u8> = 1..=7;
/// Bytes in a data PDU besides its data, which is one value: length, context and control.
const DATA_OVERHEAD: u32 = 6;
/// Data in a PDU that we send, in bytes, whatever limit the peer states.
const DATA_LENGTHS: std::ops::RangeInclusive<u32> = 1024..=64 * 1024;

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer timed out")]
    TimedOut,
    #[error("octrls is stopping")]
    Stopping,
    #[error("it was idle, and another peer needed its place")]
    Displaced,
    #[error("DICOM protocol error: {0}")]
    Protocol(String),
    #[error("no TLS: {0}")]
    Tls(io::Error),
    #[error("the connection failed: {0}")]
    Io(io::Error),
    #[error("cannot read the file: {0}")]
    File(io::Error),
}

/// What a connection is doing, which decides when a stop request ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing: a drain ends it.
    Idle,
    /// Transferring an instance: only an abort ends it.
    Transfer,
}

/// A connection to a peer.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Transport,
    /// Time limit for one PDU, including the wait for it.
    timeout: Duration,
    stop: Stop,
    /// The place in the listening node; `None` for a connection that we made.
    seat: Option<Seat>,
    /// When the message in transfer began, and the bytes of it that have arrived.
    message: Option<(Instant, u64)>,
}

impl Connection {
    pub(super) fn new(mut socket: Transport, timeout: Duration, stop: Stop) -> Result<Self, ConnectionError> {
        socket.socket().set_nodelay(true).map_err(ConnectionError::Io)?;
        socket.socket().set_write_timeout(Some(timeout)).map_err(ConnectionError::Io)?;
        socket.shake_hands(timeout, || stop.draining()).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => ConnectionError::TimedOut,
            ErrorKind::Interrupted => ConnectionError::Stopping,
            ErrorKind::ConnectionReset => ConnectionError::Closed,
            _ => ConnectionError::Tls(error),
        })?;
        Ok(Self { socket, timeout, stop, seat: None, message: None })
    }

    /// A connection that a peer made to us, in `seat`. Each of its messages, command and data set together, has a time
    /// limit: `timeout`, and longer the more of it has arrived.
    pub(super) fn accepted(
        socket: Transport,
        timeout: Duration,
        stop: Stop,
        seat: Seat,
    ) -> Result<Self, ConnectionError> {
        Ok(Self { seat: Some(seat), ..Self::new(socket, timeout, stop)? })
    }

    /// When the message in transfer must have ended, if nothing more of it arrives.
    fn message_deadline(&self) -> Option<Instant> {
        let (since, bytes) = self.message?;
        Some(since + self.timeout + Duration::from_secs(bytes / LEAST_RATE))
    }

    /// Receives the next PDU.
    pub(super) fn receive(&mut self, activity: Activity) -> Result<Pdu, ConnectionError> {
        let now = Instant::now();
        if let Some(seat) = &self.seat {
            seat.set_idle(activity == Activity::Idle);
            match activity {
                Activity::Idle => self.message = None,
                Activity::Transfer => _ = self.message.get_or_insert((now, 0)),
            }
        }
        let deadline = now + self.timeout;
        if self.message_deadline().is_some_and(|end| end <= now) {
            return Err(ConnectionError::TimedOut);
        }
        let deadline = self.message_deadline().map_or(deadline, |end| deadline.min(end));
        let mut pdu = vec![0; HEADER];
        self.read_exact(&mut pdu, deadline, activity)?;
        let length = u32::from_be_bytes([pdu[2], pdu[3], pdu[4], pdu[5]]);
        if !PDU_TYPES.contains(&pdu[0]) {
            return Err(ConnectionError::Protocol(format!("unknown PDU type {:#04x}", pdu[0])));
        }
        if length > MAX_PDU {
            return Err(ConnectionError::Protocol(format!("PDU of {length} bytes, the limit is {MAX_PDU}")));
        }
        pdu.resize(HEADER + length as usize, 0);
        self.read_exact(&mut pdu[HEADER..], deadline, activity)?;
        if let Some((_, bytes)) = &mut self.message {
            *bytes += u64::from(length);
        }
        match read_pdu(&pdu[..], MAX_PDU, true) {
            Ok(Some(pdu)) => Ok(pdu),
            Ok(None) => Err(ConnectionError::Protocol("truncated PDU".to_owned())),
            Err(error) => Err(ConnectionError::Protocol(error.to_string())),
        }
    }

    /// Reads exactly `buffer`.
    fn read_exact(
        &mut self,
        mut buffer: &mut [u8],
        deadline: Instant,
        activity: Activity,
    ) -> Result<(), ConnectionError> {
        while !buffer.is_empty() {
            if self.stop.aborting() || (activity == Activity::Idle && self.stop.draining()) {
                return Err(ConnectionError::Stopping);
            }
            if activity == Activity::Idle && self.seat.as_ref().is_some_and(Seat::must_leave) {
                return Err(ConnectionError::Displaced);
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Err(ConnectionError::TimedOut);
            }
            let socket = self.socket.socket();
            socket.set_read_timeout(Some(remaining.min(TICK))).map_err(ConnectionError::Io)?;
            match self.socket.read(buffer) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(count) => buffer = &mut buffer[count..],
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                // TLS tells an end of its messages from one of the connection; we only need to know that it ended.
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => {
                    return Err(ConnectionError::Closed);
                }
                Err(e) => return Err(ConnectionError::Io(e)),
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, pdu: &Pdu) -> Result<(), ConnectionError> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).map_err(|e| ConnectionError::Protocol(e.to_string()))?;
        // TLS takes no more bytes while it cannot send those it has.
        self.socket.write_all(&bytes).and_then(|()| self.socket.flush()).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::WriteZero => ConnectionError::TimedOut,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ConnectionError::Closed,
            _ => ConnectionError::Io(e),
        })
    }

    pub(super) fn send_command(&mut self, context: u8, command: &Command) -> Result<(), ConnectionError> {
        self.send_value(context, PDataValueType::Command, true, command.encode())
    }

    /// Sends a data set in PDUs of at most `max_pdu` bytes. If `data` cannot be read to its end, the connection is no
    /// longer usable.
    pub(super) fn send_data(&mut self, context: u8, max_pdu: u32, mut data: impl Read) -> Result<(), ConnectionError> {
        let capacity = max_pdu.saturating_sub(DATA_OVERHEAD).clamp(*DATA_LENGTHS.start(), *DATA_LENGTHS.end());
        // Reading one byte more than fits shows whether a PDU is the last.
        let mut block = Vec::with_capacity(capacity as usize + 1);
        loop {
            let wanted = u64::from(capacity) + 1 - block.len() as u64;
            data.by_ref().take(wanted).read_to_end(&mut block).map_err(ConnectionError::File)?;
            let rest = block.split_off(block.len().min(capacity as usize));
            let last = rest.is_empty();
            self.send_value(context, PDataValueType::Data, last, std::mem::replace(&mut block, rest))?;
            if last {
                return Ok(());
            }
        }
    }

    fn send_value(
        &mut self,
        presentation_context_id: u8,
        value_type: PDataValueType,
        is_last: bool,
        data: Vec<u8>,
    ) -> Result<(), ConnectionError> {
        let value = PDataValue { presentation_context_id, value_type, is_last, data };
        self.send(&Pdu::PData { data: vec![value] })
    }

    /// Sends an abort, if possible, and closes the connection.
    pub(super) fn abort(mut self) {
        let source = AbortRQSource::ServiceProvider(AbortRQServiceProviderReason::ReasonNotSpecified);
        let _ = self.send(&Pdu::AbortRQ { source });
        self.socket.shut_down(Shutdown::Both);
    }

    /// Closes the connection after the peer does, for up to a second, so that the peer can read our last PDU.
    pub(super) fn close(mut self) {
        let deadline = Instant::now() + self.timeout.min(Duration::from_secs(1));
        self.socket.shut_down(Shutdown::Write);
        let mut rest = [0; 1024];
        while self.read_exact(&mut rest, deadline, Activity::Idle).is_ok() {}
    }
}
