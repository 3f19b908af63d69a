//! Options of a connection to the server: login, certificates, reconnection, notices.

use std::{io, path::Path, time::Duration};

use async_nats::{ClientError, ConnectError, ConnectErrorKind, ConnectOptions, Event};
use octrls_core::ErrorCode;
use octrls_engine::Level;

use super::{
    notifier::Notifier,
    server::{Login, Server, read_secret},
};
use crate::FleetError;

/// Longest backoff between two attempts to connect.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(5);
/// Text in a connection error that means a rejected login.
const DENIED_TEXT: &str = "authorization violation";

/// The options for connecting to `server`, which notices call `name`.
///
/// # Errors
/// [`FleetError::File`] if a file of credentials or certificates cannot be used.
pub(super) fn connect_options(server: &Server, name: &str, notifier: &Notifier) -> Result<ConnectOptions, FleetError> {
    let (notifier, name) = (notifier.clone(), name.to_owned());
    let on_event = move |event: Event| {
        match event {
            Event::Disconnected => {
                notifier.warn_once(ErrorCode::FleetAway, unreachable_text(&name, "the connection is lost"));
            }
            Event::Connected => {
                notifier.resolve(ErrorCode::FleetDenied);
                if notifier.resolve(ErrorCode::FleetAway) {
                    notifier.notice(Level::Info, None, format!("the queue at {name} is connected again"));
                }
            }
            Event::ServerError(error) => {
                notifier.warn_once(ErrorCode::FleetQueue, format!("the queue at {name} reports an error: {error}"));
            }
            // While reconnecting.
            Event::ClientError(ClientError::Other(reason)) if reason.contains(DENIED_TEXT) => {
                let text = format!("the queue at {name} rejects the login, work waits: {reason}");
                notifier.warn_once(ErrorCode::FleetDenied, text);
            }
            Event::ClientError(_) | Event::SlowConsumer(_) | Event::LameDuckMode | Event::Draining | Event::Closed => {}
        }
        std::future::ready(())
    };
    let options = ConnectOptions::new().name("octrls").event_callback(on_event).reconnect_delay_callback(|attempts| {
        MAX_RECONNECT_DELAY.min(Duration::from_millis(200 * attempts.min(100) as u64))
    });
    let login = if server.login == Login::Anonymous { server.url.login() } else { &server.login };
    let mut options = match login.clone() {
        Login::Anonymous => options,
        Login::Password(user, password) => options.user_and_password(user, password),
        Login::Token(token) => options.token(token),
        Login::Credentials(path) => {
            let text = read_secret(&path).map_err(|source| FleetError::File { path: path.clone(), source })?;
            // The parser's error may contain the secret.
            options
                .credentials(&text)
                .map_err(|_| FleetError::File { path, source: io::Error::other("not a NATS credentials file") })?
        }
    };
    let check_pem = |path: &Path| {
        std::fs::read(path).map_err(|source| FleetError::File { path: path.to_owned(), source }).and_then(|bytes| {
            let is_pem = bytes.windows(10).any(|w| w == b"-----BEGIN");
            let source = io::Error::other("no PEM certificate or key in it");
            if is_pem { Ok(()) } else { Err(FleetError::File { path: path.to_owned(), source }) }
        })
    };
    if let Some(ca) = &server.ca {
        check_pem(ca)?;
        options = options.add_root_certificates(ca.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &server.certificate {
        check_pem(certificate)?;
        check_pem(key)?;
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(options)
}

/// Whether connecting may succeed later. A rejected certificate is permanent.
pub(super) fn is_transient(error: &ConnectError) -> bool {
    let is_network_error =
        matches!(error.kind(), ConnectErrorKind::Dns | ConnectErrorKind::Io | ConnectErrorKind::TimedOut);
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    is_network_error && source.is_none_or(|source| source.kind() != io::ErrorKind::InvalidData)
}

/// Text of the notice that the server is unreachable.
pub(super) fn unreachable_text(server: &str, reason: &str) -> String {
    format!("the queue at {server} cannot be reached, work waits: {reason}")
}
