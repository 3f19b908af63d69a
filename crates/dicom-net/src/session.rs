//! The accepting side of one association: receives instances and answers each with a status.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

use super::{
    Ending, NodeEvent, Peer, Stop,
    command::{CANCEL, Command, ECHO, MAX_COMMAND, STORE},
    inbox::{Inbox, Incoming},
    negotiation::{Context, Policy, too_many},
    wire::{Wire, WireError, Work},
};

const SUCCESS: u16 = 0x0000;

/// State shared by all associations of a listening node.
pub(super) struct Node {
    pub(super) policy: Policy,
    pub(super) inbox: Inbox,
    pub(super) limit: u64,
    pub(super) timeout: Duration,
    pub(super) stop: Stop,
    pub(super) report: Box<dyn Fn(NodeEvent) + Send + Sync>,
}

/// Why an instance is not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("SOP class differs from the presentation context")]
    Class,
    #[error("invalid SOP instance UID")]
    Instance,
    #[error("operation not supported")]
    Operation,
    // Only the kind: the full text may contain a path, and folder names may identify a patient.
    #[error("cannot store the instance: {kind}", kind = .0.kind())]
    Storage(io::Error),
    #[error("data set exceeds the size limit")]
    TooLarge,
    #[error("data set does not match the command")]
    Mismatch,
    #[error("cannot read the data set")]
    Unreadable,
}

impl Refusal {
    /// The status of the response (PS3.4, table B.2-1; PS3.7, annex C).
    const fn status(&self) -> u16 {
        match self {
            Self::Class => 0x0122,
            Self::Instance => 0x0117,
            Self::Operation => 0x0211,
            Self::Storage(_) | Self::TooLarge => 0xa700,
            Self::Mismatch => 0xa900,
            Self::Unreadable => 0xc000,
        }
    }
}

/// Serves one connection to its end. If it is not `admitted`, rejects its association as one too many.
pub(super) fn serve(node: &Node, socket: TcpStream, address: SocketAddr, admitted: bool) {
    let mut peer = Peer { address, title: String::new() };
    let established = Wire::new(socket, node.timeout, node.stop.clone())
        .map_err(|e| e.to_string())
        .and_then(|wire| establish(node, wire, &mut peer, admitted));
    match established {
        Ok((wire, contexts)) => {
            Session { node, wire, contexts, peer, stage: Stage::Waiting(Vec::new()), stored: 0, refused: 0 }.run();
        }
        Err(reason) => (node.report)(NodeEvent::TurnedAway { peer, reason }),
    }
}

/// Answers the association request. Returns the reason if there is no association.
fn establish(
    node: &Node,
    mut wire: Wire,
    peer: &mut Peer,
    admitted: bool,
) -> Result<(Wire, BTreeMap<u8, Context>), String> {
    let request = match wire.receive(Work::Idle) {
        Ok(Pdu::AssociationRQ(request)) => request,
        Ok(_) => {
            wire.abort();
            return Err("the peer did not request an association".to_owned());
        }
        Err(error @ WireError::Closed) => return Err(error.to_string()),
        Err(error) => {
            wire.abort();
            return Err(error.to_string());
        }
    };
    peer.title = request.calling_ae_title.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    let answer = if admitted { node.policy.answer(request) } else { Err(too_many()) };
    match answer {
        Ok((answer, contexts)) => match wire.send(&Pdu::AssociationAC(answer)) {
            Ok(()) => Ok((wire, contexts)),
            Err(error) => Err(error.to_string()),
        },
        Err(rejection) => {
            let reason = rejection.source.to_string();
            if wire.send(&Pdu::AssociationRJ(rejection)).is_ok() {
                wire.close();
            }
            Err(reason)
        }
    }
}

/// State of the current message.
enum Stage {
    /// Waits for a command; these are its first bytes.
    Waiting(Vec<u8>),
    /// Receives the data set of a command.
    Storing {
        context: u8,
        command: Command,
        /// After a refusal, the rest of the data set is discarded.
        incoming: Result<Box<Incoming>, Refusal>,
        /// Number of discarded bytes.
        passed: u64,
    },
}

struct Session<'a> {
    node: &'a Node,
    wire: Wire,
    contexts: BTreeMap<u8, Context>,
    peer: Peer,
    stage: Stage,
    stored: u64,
    refused: u64,
}

impl Session<'_> {
    fn run(mut self) {
        let ending = match self.converse() {
            Ok(ending) => {
                self.wire.close();
                ending
            }
            Err(WireError::Closed) => Ending::Left,
            Err(error) => {
                self.wire.abort();
                Ending::Aborted(error.to_string())
            }
        };
        let Self { node, peer, stored, refused, .. } = self;
        (node.report)(NodeEvent::Ended { peer, stored, refused, ending });
    }

    fn converse(&mut self) -> Result<Ending, WireError> {
        loop {
            let idle = matches!(&self.stage, Stage::Waiting(command) if command.is_empty());
            match self.wire.receive(if idle { Work::Idle } else { Work::UnderWay })? {
                Pdu::PData { data } => {
                    for value in data {
                        self.take(&value)?;
                    }
                }
                Pdu::ReleaseRQ => {
                    self.wire.send(&Pdu::ReleaseRP)?;
                    return Ok(Ending::Released);
                }
                Pdu::AbortRQ { .. } => return Ok(Ending::Left),
                _ => return Err(WireError::Protocol("unexpected PDU".to_owned())),
            }
        }
    }

    /// Handles one fragment of a command or data set.
    fn take(&mut self, value: &PDataValue) -> Result<(), WireError> {
        let protocol = |text: &str| Err(WireError::Protocol(text.to_owned()));
        match (&mut self.stage, &value.value_type) {
            (Stage::Waiting(bytes), PDataValueType::Command) => {
                bytes.extend_from_slice(&value.data);
                if bytes.len() > MAX_COMMAND {
                    return protocol("the command set is too long");
                }
                if !value.is_last {
                    return Ok(());
                }
                let command = Command::decode(bytes);
                self.stage = Stage::Waiting(Vec::new());
                match command.filter(|command| !command.is_response()) {
                    Some(command) => self.obey(value.presentation_context_id, command),
                    None => protocol("invalid command set"),
                }
            }
            (Stage::Storing { context, incoming, passed, .. }, PDataValueType::Data)
                if *context == value.presentation_context_id =>
            {
                if let Ok(instance) = incoming {
                    if let Err(refusal) = instance.write(&value.data) {
                        *incoming = Err(refusal);
                    }
                } else {
                    *passed += value.data.len() as u64;
                    if *passed > self.node.limit {
                        return protocol("data set exceeds the size limit");
                    }
                }
                if value.is_last { self.finish() } else { Ok(()) }
            }
            _ => protocol("unexpected fragment"),
        }
    }

    fn obey(&mut self, context: u8, command: Command) -> Result<(), WireError> {
        let Some(agreed) = self.contexts.get(&context) else {
            return Err(WireError::Protocol("the presentation context was not accepted".to_owned()));
        };
        match (command.field, command.data_set) {
            (CANCEL, false) => Ok(()),
            (ECHO, false) => self.wire.send_command(context, &command.response(SUCCESS, "")),
            (STORE, false) => self.refuse(context, &command, &Refusal::Unreadable),
            (STORE, true) => {
                let incoming = self.node.inbox.begin(agreed, &command.class, &command.instance).map(Box::new);
                self.stage = Stage::Storing { context, command, incoming, passed: 0 };
                Ok(())
            }
            (_, true) => {
                self.stage = Stage::Storing { context, command, incoming: Err(Refusal::Operation), passed: 0 };
                Ok(())
            }
            (_, false) => self.refuse(context, &command, &Refusal::Operation),
        }
    }

    /// Stores the complete instance, and only then answers the peer.
    fn finish(&mut self) -> Result<(), WireError> {
        let Stage::Storing { context, command, incoming, .. } =
            std::mem::replace(&mut self.stage, Stage::Waiting(Vec::new()))
        else {
            return Ok(());
        };
        match incoming.and_then(|instance| self.node.inbox.place(*instance)) {
            Ok(placed) => {
                self.stored += 1;
                let (peer, name) = (self.peer.clone(), placed.name);
                (self.node.report)(NodeEvent::Stored { peer, bytes: placed.bytes, name, known: placed.known });
                self.wire.send_command(context, &command.response(SUCCESS, ""))
            }
            Err(refusal) => self.refuse(context, &command, &refusal),
        }
    }

    fn refuse(&mut self, context: u8, command: &Command, refusal: &Refusal) -> Result<(), WireError> {
        self.refused += 1;
        let (status, reason) = (refusal.status(), refusal.to_string());
        self.wire.send_command(context, &command.response(status, &reason))?;
        (self.node.report)(NodeEvent::Refused { peer: self.peer.clone(), status, reason });
        Ok(())
    }
}
