//! A connection: sends and receives protocol data units (PDUs; PS3.8, section 9.3), each with a time limit.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, PDataValue, PDataValueType, Pdu, read_pdu, write_pdu,
};

use super::{MAX_PDU, Stop, command::Command};

/// Poll interval for a stop request.
const TICK: Duration = Duration::from_millis(200);
const HEADER: usize = 6;
/// Valid PDU types.
const KINDS: std::ops::RangeInclusive<u8> = 1..=7;
/// Overhead of a data PDU with one value, in bytes: length, context and control.
const AROUND_DATA: u32 = 6;
/// Data in a PDU that we send, in bytes, whatever limit the peer states.
const DATA: std::ops::RangeInclusive<u32> = 1024..=64 * 1024;

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer timed out")]
    Silent,
    #[error("octrls is stopping")]
    Stopping,
    #[error("DICOM protocol error: {0}")]
    Protocol(String),
    #[error("the connection failed: {0}")]
    Io(io::Error),
    #[error("cannot read the file: {0}")]
    File(io::Error),
}

/// What a connection is doing, which decides when a stop request ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing: a drain ends it.
    Idle,
    /// Transferring an instance: only an abort ends it.
    UnderWay,
}

/// A connection to a peer.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    /// Time limit for one PDU, including the wait for it.
    timeout: Duration,
    stop: Stop,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, timeout: Duration, stop: Stop) -> Result<Self, WireError> {
        socket.set_nodelay(true).map_err(WireError::Io)?;
        socket.set_write_timeout(Some(timeout)).map_err(WireError::Io)?;
        Ok(Self { socket, timeout, stop })
    }

    /// Receives the next PDU.
    pub(super) fn receive(&mut self, work: Work) -> Result<Pdu, WireError> {
        let deadline = Instant::now() + self.timeout;
        let mut unit = vec![0; HEADER];
        self.fill(&mut unit, deadline, work)?;
        let length = u32::from_be_bytes([unit[2], unit[3], unit[4], unit[5]]);
        if !KINDS.contains(&unit[0]) {
            return Err(WireError::Protocol(format!("unknown PDU type {:#04x}", unit[0])));
        }
        if length > MAX_PDU {
            return Err(WireError::Protocol(format!("PDU of {length} bytes, the limit is {MAX_PDU}")));
        }
        unit.resize(HEADER + length as usize, 0);
        self.fill(&mut unit[HEADER..], deadline, work)?;
        match read_pdu(&unit[..], MAX_PDU, true) {
            Ok(Some(pdu)) => Ok(pdu),
            Ok(None) => Err(WireError::Protocol("truncated PDU".to_owned())),
            Err(error) => Err(WireError::Protocol(error.to_string())),
        }
    }

    fn fill(&mut self, mut buffer: &mut [u8], deadline: Instant, work: Work) -> Result<(), WireError> {
        while !buffer.is_empty() {
            if self.stop.aborting() || (work == Work::Idle && self.stop.draining()) {
                return Err(WireError::Stopping);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WireError::Silent);
            }
            self.socket.set_read_timeout(Some(left.min(TICK))).map_err(WireError::Io)?;
            match self.socket.read(buffer) {
                Ok(0) => return Err(WireError::Closed),
                Ok(count) => buffer = &mut buffer[count..],
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Err(WireError::Closed),
                Err(e) => return Err(WireError::Io(e)),
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, pdu: &Pdu) -> Result<(), WireError> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).map_err(|e| WireError::Protocol(e.to_string()))?;
        self.socket.write_all(&bytes).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => WireError::Silent,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => WireError::Closed,
            _ => WireError::Io(e),
        })
    }

    pub(super) fn send_command(&mut self, context: u8, command: &Command) -> Result<(), WireError> {
        self.send_value(context, PDataValueType::Command, true, command.encode())
    }

    /// Sends a data set in PDUs of at most `max_pdu` bytes. If `data` cannot be read to its end, the connection is no
    /// longer usable.
    pub(super) fn send_data(&mut self, context: u8, max_pdu: u32, mut data: impl Read) -> Result<(), WireError> {
        let room = max_pdu.saturating_sub(AROUND_DATA).clamp(*DATA.start(), *DATA.end());
        // Reading one byte more than fits shows whether a PDU is the last.
        let mut block = Vec::with_capacity(room as usize + 1);
        loop {
            let wanted = u64::from(room) + 1 - block.len() as u64;
            data.by_ref().take(wanted).read_to_end(&mut block).map_err(WireError::File)?;
            let rest = block.split_off(block.len().min(room as usize));
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
    ) -> Result<(), WireError> {
        let value = PDataValue { presentation_context_id, value_type, is_last, data };
        self.send(&Pdu::PData { data: vec![value] })
    }

    /// Sends an abort, if possible, and closes the connection.
    pub(super) fn abort(mut self) {
        let source = AbortRQSource::ServiceProvider(AbortRQServiceProviderReason::ReasonNotSpecified);
        let _ = self.send(&Pdu::AbortRQ { source });
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Closes the connection after the peer does, for up to a second, so that the peer can read our last PDU.
    pub(super) fn close(mut self) {
        let deadline = Instant::now() + self.timeout.min(Duration::from_secs(1));
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut rest = [0; 1024];
        while self.fill(&mut rest, deadline, Work::Idle).is_ok() {}
    }
}
