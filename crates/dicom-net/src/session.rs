//! The accepting side of one association: receives instances and answers each with a status.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

use super::{
    AssociationEnd, NodeEvent, Peer, ServerTls, Stop,
    command::{CANCEL, Command, ECHO, MAX_COMMAND, STORE},
    connection::{Activity, Connection, ConnectionError},
    inbox::{Inbox, IncomingInstance, StoredInstance},
    negotiation::{Context, Policy, too_many},
    refusal::Refusal,
    seats::Seat,
};

const SUCCESS: u16 = 0x0000;

/// What all associations of a listening node share.
pub(super) struct Node {
    pub(super) policy: Policy,
    pub(super) inbox: Inbox,
    /// Longest accepted data set, in bytes.
    pub(super) max_bytes: u64,
    /// Time limit for one protocol data unit.
    pub(super) timeout: Duration,
    /// `None` without encryption.
    pub(super) tls: Option<ServerTls>,
    pub(super) stop: Stop,
    pub(super) report: Box<dyn Fn(NodeEvent) + Send + Sync>,
}

/// Serves one connection to its end. If it is not `admitted`, rejects its association as one too many.
pub(super) fn serve(node: &Node, socket: TcpStream, seat: Seat, address: SocketAddr, admitted: bool) {
    let mut peer = Peer { address, title: String::new() };
    let transport = match &node.tls {
        Some(tls) => tls.accept(socket).map_err(|e| e.to_string()),
        None => Ok(socket.into()),
    };
    let established = transport
        .and_then(|transport| {
            Connection::accepted(transport, node.timeout, node.stop.clone(), seat).map_err(|e| e.to_string())
        })
        .and_then(|connection| establish(node, connection, &mut peer, admitted));
    match established {
        Ok((connection, contexts)) => {
            Session {
                node,
                connection,
                contexts,
                peer,
                stage: Stage::AwaitingCommand(Vec::new()),
                stored: 0,
                refused: 0,
            }
            .run();
        }
        Err(reason) => (node.report)(NodeEvent::TurnedAway { peer, reason }),
    }
}

/// Answers the association request. Returns the reason if there is no association.
fn establish(
    node: &Node,
    mut connection: Connection,
    peer: &mut Peer,
    admitted: bool,
) -> Result<(Connection, BTreeMap<u8, Context>), String> {
    let request = match connection.receive(Activity::Idle) {
        Ok(Pdu::AssociationRQ(request)) => request,
        Ok(_) => {
            connection.abort();
            return Err("the peer did not request an association".to_owned());
        }
        Err(error @ ConnectionError::Closed) => return Err(error.to_string()),
        Err(error) => {
            connection.abort();
            return Err(error.to_string());
        }
    };
    peer.title = request.calling_ae_title.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    let answer = if admitted { node.policy.answer(request) } else { Err(too_many()) };
    match answer {
        Ok((answer, contexts)) => match connection.send(&Pdu::AssociationAC(answer)) {
            Ok(()) => Ok((connection, contexts)),
            Err(error) => Err(error.to_string()),
        },
        Err(rejection) => {
            let reason = rejection.source.to_string();
            if connection.send(&Pdu::AssociationRJ(rejection)).is_ok() {
                connection.close();
            }
            Err(reason)
        }
    }
}

/// State of the current message.
enum Stage {
    /// Waits for a command, of which these bytes have arrived.
    AwaitingCommand(Vec<u8>),
    /// Receives the data set of a command.
    ReceivingDataSet {
        context: u8,
        command: Command,
        /// After a refusal, the rest of the data set is discarded.
        instance: Result<Box<IncomingInstance>, Refusal>,
        /// Number of discarded bytes.
        discarded: u64,
    },
}

struct Session<'a> {
    node: &'a Node,
    connection: Connection,
    contexts: BTreeMap<u8, Context>,
    peer: Peer,
    stage: Stage,
    stored: u64,
    refused: u64,
}

impl Session<'_> {
    fn run(mut self) {
        let end = match self.serve_requests() {
            Ok(end) => {
                self.connection.close();
                end
            }
            Err(ConnectionError::Closed) => AssociationEnd::Closed,
            Err(error) => {
                self.connection.abort();
                AssociationEnd::Aborted(error.to_string())
            }
        };
        let Self { node, peer, stored, refused, .. } = self;
        (node.report)(NodeEvent::Ended { peer, stored, refused, end });
    }

    /// Serves requests until the association ends.
    fn serve_requests(&mut self) -> Result<AssociationEnd, ConnectionError> {
        loop {
            let is_idle = matches!(&self.stage, Stage::AwaitingCommand(command) if command.is_empty());
            match self.connection.receive(if is_idle { Activity::Idle } else { Activity::Transfer })? {
                Pdu::PData { data } => {
                    for value in data {
                        self.handle_fragment(&value)?;
                    }
                }
                Pdu::ReleaseRQ => {
                    self.connection.send(&Pdu::ReleaseRP)?;
                    return Ok(AssociationEnd::Released);
                }
                Pdu::AbortRQ { .. } => return Ok(AssociationEnd::Closed),
                _ => return Err(ConnectionError::Protocol("unexpected PDU".to_owned())),
            }
        }
    }

    /// Handles one fragment of a command or data set.
    fn handle_fragment(&mut self, value: &PDataValue) -> Result<(), ConnectionError> {
        let protocol = |text: &str| Err(ConnectionError::Protocol(text.to_owned()));
        match (&mut self.stage, &value.value_type) {
            (Stage::AwaitingCommand(bytes), PDataValueType::Command) => {
                bytes.extend_from_slice(&value.data);
                if bytes.len() > MAX_COMMAND {
                    return protocol("the command set is too long");
                }
                if !value.is_last {
                    return Ok(());
                }
                let command = Command::decode(bytes);
                self.stage = Stage::AwaitingCommand(Vec::new());
                match command.filter(|command| !command.is_response()) {
                    Some(command) => self.handle_command(value.presentation_context_id, command),
                    None => protocol("invalid command set"),
                }
            }
            (Stage::ReceivingDataSet { context, instance, discarded, .. }, PDataValueType::Data)
                if *context == value.presentation_context_id =>
            {
                if let Ok(incoming) = instance {
                    if let Err(refusal) = incoming.write(&value.data) {
                        *instance = Err(refusal);
                    }
                } else {
                    *discarded += value.data.len() as u64;
                    if *discarded > self.node.max_bytes {
                        return protocol("data set exceeds the size limit");
                    }
                }
                if value.is_last { self.store_instance() } else { Ok(()) }
            }
            _ => protocol("unexpected fragment"),
        }
    }

    /// Answers a command, or prepares to receive its data set.
    fn handle_command(&mut self, context: u8, command: Command) -> Result<(), ConnectionError> {
        let Some(accepted) = self.contexts.get(&context) else {
            return Err(ConnectionError::Protocol("the presentation context was not accepted".to_owned()));
        };
        match (command.field, command.data_set) {
            (CANCEL, false) => Ok(()),
            (ECHO, false) => self.connection.send_command(context, &command.response(SUCCESS, "")),
            (STORE, false) => self.refuse(context, &command, &Refusal::Unreadable),
            (STORE, true) => {
                let instance = self.node.inbox.begin(accepted, &command.class, &command.instance).map(Box::new);
                self.stage = Stage::ReceivingDataSet { context, command, instance, discarded: 0 };
                Ok(())
            }
            (_, true) => {
                self.stage = Stage::ReceivingDataSet {
                    context,
                    command,
                    instance: Err(Refusal::UnsupportedOperation),
                    discarded: 0,
                };
                Ok(())
            }
            (_, false) => self.refuse(context, &command, &Refusal::UnsupportedOperation),
        }
    }

    /// Stores the complete instance, and only then answers the peer.
    fn store_instance(&mut self) -> Result<(), ConnectionError> {
        let Stage::ReceivingDataSet { context, command, instance, .. } =
            std::mem::replace(&mut self.stage, Stage::AwaitingCommand(Vec::new()))
        else {
            return Ok(());
        };
        match instance.and_then(|instance| self.node.inbox.store(*instance)) {
            Ok(StoredInstance { name, bytes, duplicate }) => {
                self.stored += 1;
                (self.node.report)(NodeEvent::Stored { peer: self.peer.clone(), bytes, name, duplicate });
                self.connection.send_command(context, &command.response(SUCCESS, ""))
            }
            Err(refusal) => self.refuse(context, &command, &refusal),
        }
    }

    fn refuse(&mut self, context: u8, command: &Command, refusal: &Refusal) -> Result<(), ConnectionError> {
        self.refused += 1;
        let (status, reason) = (refusal.status(), refusal.to_string());
        self.connection.send_command(context, &command.response(status, &reason))?;
        (self.node.report)(NodeEvent::Refused { peer: self.peer.clone(), status, reason });
        Ok(())
    }
}
