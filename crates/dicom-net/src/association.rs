//! The requesting side of one association.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Seek, SeekFrom},
    net::{TcpStream, ToSocketAddrs},
    path::Path,
};

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AssociationRJResult, AssociationRQ, PDataValueType, Pdu, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, UserVariableItem,
};
use octrls_readers::dicom::Meta;

use super::{
    NodeError, SendOptions, Target, TlsError,
    command::{Command, MAX_COMMAND},
    connection::{Activity, Connection, ConnectionError},
    negotiation::{APPLICATION_CONTEXT, Context, PROTOCOL_VERSION, user_variables},
};

/// Most presentation contexts of one association: their identifiers are the odd numbers of one byte.
pub(super) const MAX_CONTEXTS: usize = 128;

/// Longest protocol data unit for a peer that states no limit, in bytes.
const DEFAULT_MAX_PDU: u32 = 16 * 1024;

/// An accepted association.
pub(super) struct Association<'a> {
    target: &'a Target,
    connection: Connection,
    /// Each proposed context, its identifier, and the peer's answer.
    contexts: Vec<(Context, u8, PresentationContextResultReason)>,
    max_pdu: u32,
    /// Message ID of the last request.
    last_message: u16,
}

impl<'a> Association<'a> {
    /// Requests an association with the given contexts, at most [`MAX_CONTEXTS`].
    pub(super) fn request(
        target: &'a Target,
        contexts: Vec<Context>,
        options: &SendOptions,
    ) -> Result<Self, NodeError> {
        let socket = connect(target, options)?;
        let transport = match &options.tls {
            Some(tls) => {
                let refused = |e: TlsError| NodeError::Tls { target: target.clone(), reason: e.to_string() };
                tls.connect(socket, target.host()).map_err(refused)?
            }
            None => socket.into(),
        };
        let broken = |error: &ConnectionError| broken(target, error);
        let mut connection =
            Connection::new(transport, options.timeout, options.stop.clone()).map_err(|e| broken(&e))?;
        let proposed = contexts.iter().zip((1..=u8::MAX).step_by(2)).map(|(context, id)| PresentationContextProposed {
            id,
            abstract_syntax: context.class.clone(),
            transfer_syntaxes: vec![context.syntax.clone()],
        });
        let request = AssociationRQ {
            protocol_version: PROTOCOL_VERSION,
            calling_ae_title: options.title.as_str().to_owned(),
            called_ae_title: target.title().as_str().to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: proposed.collect(),
            user_variables: user_variables(),
        };
        connection.send(&Pdu::AssociationRQ(request)).map_err(|e| broken(&e))?;
        let answer = match connection.receive(Activity::Transfer).map_err(|e| broken(&e))? {
            Pdu::AssociationAC(answer) => answer,
            Pdu::AssociationRJ(rejection) => {
                let transient = rejection.result == AssociationRJResult::Transient;
                let reason = rejection.source.to_string();
                return Err(NodeError::Rejected { target: target.clone(), reason, transient });
            }
            _ => {
                connection.abort();
                return Err(broken(&ConnectionError::Protocol("no answer to the association request".to_owned())));
            }
        };
        let max_pdu = answer.user_variables.iter().find_map(|v| match v {
            UserVariableItem::MaxLength(0) => Some(u32::MAX),
            UserVariableItem::MaxLength(length) => Some(*length),
            _ => None,
        });
        let mut results: BTreeMap<u8, PresentationContextResult> =
            answer.presentation_contexts.into_iter().map(|result| (result.id, result)).collect();
        let contexts = contexts.into_iter().zip((1..=u8::MAX).step_by(2)).map(|(context, id)| {
            let reason = results.remove(&id).map_or(PresentationContextResultReason::NoReason, |r| r.reason);
            (context, id, reason)
        });
        let max_pdu = max_pdu.unwrap_or(DEFAULT_MAX_PDU);
        Ok(Self { target, connection, contexts: contexts.collect(), max_pdu, last_message: 0 })
    }

    /// Sends a C-ECHO request and waits for the answer.
    pub(super) fn echo(&mut self) -> Result<(), NodeError> {
        let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned();
        let context = self.context(&Context { class: uids::VERIFICATION.to_owned(), syntax })?;
        let request = Command::echo(self.next_message(), uids::VERIFICATION);
        let sent = self.connection.send_command(context, &request);
        let response = sent.and_then(|()| self.response(&request)).map_err(|e| broken(self.target, &e))?;
        if response.status == 0 { Ok(()) } else { Err(self.failure(response)) }
    }

    /// Sends the data set of a file unchanged. Returns the status: success or a warning.
    pub(super) fn store(&mut self, path: &Path, meta: &Meta) -> Result<u16, NodeError> {
        let context = self.context(&Context::of(meta))?;
        let file = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(meta.start))?;
            Ok(file)
        });
        let file = file.map_err(|e| NodeError::File(e.to_string()))?;
        let request = Command::store(self.next_message(), &meta.class, &meta.instance);
        let sent = self.connection.send_command(context, &request);
        let sent = sent.and_then(|()| self.connection.send_data(context, self.max_pdu, file));
        let response = sent.and_then(|()| self.response(&request)).map_err(|e| broken(self.target, &e))?;
        // Success, and the warnings of PS3.7, C.3.
        match response.status {
            status @ (0 | 0x0001 | 0x0107 | 0x0116 | 0xb000..=0xbfff) => Ok(status),
            _ => Err(self.failure(response)),
        }
    }

    /// Releases the association and closes the connection.
    pub(super) fn release(mut self) {
        // Everything was sent and answered, so errors no longer matter.
        if self.connection.send(&Pdu::ReleaseRQ).is_ok() {
            let _ = self.connection.receive(Activity::Transfer);
        }
        self.connection.close();
    }

    fn failure(&self, response: Command) -> NodeError {
        NodeError::Status { target: self.target.clone(), status: response.status, comment: response.comment }
    }

    /// A new message ID.
    fn next_message(&mut self) -> u16 {
        self.last_message = self.last_message.wrapping_add(1);
        self.last_message
    }

    /// The identifier of an accepted context.
    fn context(&self, wanted: &Context) -> Result<u8, NodeError> {
        let what = || format!("{} in {}", wanted.class, wanted.syntax);
        match self.contexts.iter().find(|(context, ..)| context == wanted) {
            Some((_, id, PresentationContextResultReason::Acceptance)) => Ok(*id),
            Some((_, _, reason)) => Err(NodeError::NotAccepted { what: what(), reason: reason.to_string() }),
            None => Err(NodeError::NotAccepted { what: what(), reason: "not proposed".to_owned() }),
        }
    }

    /// Waits for the response to `request`.
    fn response(&mut self, request: &Command) -> Result<Command, ConnectionError> {
        let mut bytes = Vec::new();
        loop {
            let values = match self.connection.receive(Activity::Transfer)? {
                Pdu::PData { data } => data,
                Pdu::AbortRQ { .. } => return Err(ConnectionError::Closed),
                _ => return Err(ConnectionError::Protocol("unexpected PDU".to_owned())),
            };
            for value in values {
                if value.value_type != PDataValueType::Command || bytes.len() > MAX_COMMAND {
                    return Err(ConnectionError::Protocol("expected a response".to_owned()));
                }
                bytes.extend_from_slice(&value.data);
                if value.is_last {
                    let response = Command::decode(&bytes).filter(|r| r.is_response() && r.message == request.message);
                    return response.ok_or_else(|| {
                        ConnectionError::Protocol("the response does not match the request".to_owned())
                    });
                }
            }
        }
    }
}

impl Context {
    pub(super) fn of(meta: &Meta) -> Self {
        Self { class: meta.class.clone(), syntax: meta.syntax.clone() }
    }
}

fn connect(target: &Target, options: &SendOptions) -> Result<TcpStream, NodeError> {
    let failed = |source| NodeError::Connect { target: target.clone(), source };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in target.address().to_socket_addrs().map_err(failed)? {
        match TcpStream::connect_timeout(&address, options.timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn broken(target: &Target, error: &ConnectionError) -> NodeError {
    if let ConnectionError::Tls(error) = error {
        return NodeError::Tls { target: target.clone(), reason: error.to_string() };
    }
    NodeError::Broken { target: target.clone(), reason: error.to_string() }
}
