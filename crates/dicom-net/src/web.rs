//! Sends DICOM files to a DICOMweb service (STOW-RS; PS3.18, 10.5), one request for each file, with retries.
//!
//! A file counts as stored when the service names its instance among those that it stored; a mere success is no proof.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use octrls_core::ErrorCode;
use octrls_readers::dicom::Meta;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use ureq::{Agent, SendBody, http::StatusCode};

use super::{
    NodeError, SendOptions, SendOutcome, WebAddress,
    send::{check_file, pause},
};

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// Time for each MiB of a file beside the time limit of an answer: a slow line of 2 Mbit/s.
const TIME_OF_MIB: Duration = Duration::from_secs(4);

/// Referenced SOP Sequence, Failed SOP Sequence, Referenced SOP Instance UID, Warning Reason and Failure Reason.
const STORED: &str = "00081199";
const FAILED: &str = "00081198";
const INSTANCE: &str = "00081155";
const WARNING: &str = "00081196";
const FAILURE: &str = "00081197";

/// Sends DICOM files as they are. The outcomes are in the order of `files`; the status is the service's warning, or 0.
///
/// # Errors
/// [`NodeError`] if the service never answered; then nothing is known to be stored.
pub fn store(address: &WebAddress, files: &[PathBuf], options: &SendOptions) -> Result<Vec<SendOutcome>, NodeError> {
    let service = Service::new(address, options)?;
    let mut results: Vec<Option<Result<u16, NodeError>>> = files.iter().map(|_| None).collect();
    let mut has_answered = false;
    let mut retry = 0;
    loop {
        for (path, result) in files.iter().zip(&mut results) {
            let is_open = result.as_ref().is_none_or(|r| r.as_ref().is_err_and(NodeError::is_transient));
            if !is_open || options.stop.draining() {
                continue;
            }
            let (answered, outcome) = service.store(path);
            has_answered |= answered;
            *result = Some(outcome);
            // The others would wait for a service that is not there, each for its time limit.
            if !answered {
                break;
            }
        }
        let is_done = results.iter().all(|r| matches!(r, Some(r) if !r.as_ref().is_err_and(NodeError::is_transient)));
        if is_done || retry >= options.retries || options.stop.draining() {
            break;
        }
        pause(options.backoff.saturating_mul(1 << retry.min(16)), &options.stop);
        retry += 1;
    }
    let unsent = || Err(NodeError::Unsent("the service does not answer, or octrls is stopping".to_owned()));
    if !has_answered && let Some(Err(error)) = results.iter_mut().find_map(|r| r.take_if(|r| r.is_err())) {
        // A file of ours that cannot be read is no fault of the service.
        if !matches!(error, NodeError::File(_)) {
            return Err(error);
        }
        return Ok(outcomes(files, vec![Err(error)], unsent));
    }
    Ok(outcomes(files, results.into_iter().map(|result| result.unwrap_or_else(unsent)).collect(), unsent))
}

fn outcomes(
    files: &[PathBuf],
    results: Vec<Result<u16, NodeError>>,
    missing: impl Fn() -> Result<u16, NodeError>,
) -> Vec<SendOutcome> {
    let mut results = results.into_iter();
    files
        .iter()
        .map(|path| SendOutcome { path: path.clone(), result: results.next().unwrap_or_else(&missing) })
        .collect()
}

/// Checks once whether the service answers a search for studies.
///
/// # Errors
/// [`NodeError`] if it cannot be reached or refuses.
pub fn check(address: &WebAddress, options: &SendOptions) -> Result<(), NodeError> {
    let service = Service::new(address, options)?;
    let request = service.agent.get(format!("{address}/studies?limit=1")).header("Accept", "application/dicom+json");
    let answer = service.authorized(request).call().map_err(|e| service.unreachable(&e))?;
    if answer.status().is_success() { Ok(()) } else { Err(service.refused(answer.status())) }
}

/// A service to send to.
struct Service<'a> {
    address: &'a WebAddress,
    options: &'a SendOptions,
    agent: Agent,
    /// Value of the header Authorization.
    authorization: Option<String>,
}

impl<'a> Service<'a> {
    fn new(address: &'a WebAddress, options: &'a SendOptions) -> Result<Self, NodeError> {
        let authorization = options.token.as_deref().map(bearer).transpose()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirection could lead the objects, and the token, elsewhere.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("octrls/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(options.timeout))
            .timeout_recv_response(Some(options.timeout))
            .timeout_recv_body(Some(options.timeout));
        let config = match &options.tls {
            Some(tls) => config.tls_config(tls.http().clone()),
            None => config,
        };
        Ok(Self { address, options, agent: config.build().into(), authorization })
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    /// Sends one file; also returns whether the service answered.
    fn store(&self, path: &Path) -> (bool, Result<u16, NodeError>) {
        match check_file(path) {
            Ok(meta) => self.post(path, &meta),
            Err(error) => (true, Err(error)),
        }
    }

    fn post(&self, path: &Path, meta: &Meta) -> (bool, Result<u16, NodeError>) {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) = match opened {
            Ok(opened) => opened,
            Err(error) => return (true, Err(NodeError::File(error.to_string()))),
        };
        let boundary = boundary(&meta.instance, bytes);
        let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + bytes + tail.len() as u64;
        let mut body = head.as_bytes().chain(file.take(bytes)).chain(tail.as_bytes());
        let seconds = (bytes >> 20) as u32 * TIME_OF_MIB;
        let request = self
            .agent
            .post(format!("{}/studies", self.address))
            .config()
            .timeout_send_body(Some(self.options.timeout + seconds))
            .build()
            .header("Content-Type", format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"))
            .header("Content-Length", length.to_string())
            .header("Accept", "application/dicom+json");
        let answer = match self.authorized(request).send(SendBody::from_reader(&mut body)) {
            Ok(answer) => answer,
            Err(error) => return (false, Err(self.unreachable(&error))),
        };
        let status = answer.status();
        // Conflict: the answer says which instances failed.
        if !status.is_success() && status != StatusCode::CONFLICT {
            return (true, Err(self.refused(status)));
        }
        let read = answer.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec();
        let answer = read.ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).unwrap_or_default();
        (true, self.stored(&answer, &meta.instance))
    }

    /// What the answer says of the instance.
    fn stored(&self, answer: &Value, instance: &str) -> Result<u16, NodeError> {
        // Some services answer with a list.
        let answer = answer.get(0).unwrap_or(answer);
        let of = |sequence: &str| {
            let items = answer[sequence]["Value"].as_array().map(Vec::as_slice).unwrap_or_default();
            items.iter().find(|item| item[INSTANCE]["Value"][0] == instance)
        };
        let reason = |item: &Value, tag: &str| item[tag]["Value"][0].as_u64().and_then(|code| u16::try_from(code).ok());
        if let Some(item) = of(STORED) {
            return Ok(reason(item, WARNING).unwrap_or_default());
        }
        let failure = of(FAILED).map(|item| reason(item, FAILURE).unwrap_or_default());
        Err(match failure {
            // A7xx: out of resources (PS3.18, I.2.2).
            Some(code) => self.failed(format!("it did not store the object, reason {code:#06x}"), code >> 8 == 0xa7),
            None => self.failed("it does not confirm that it stored the object".to_owned(), true),
        })
    }

    fn refused(&self, status: StatusCode) -> NodeError {
        let is_transient = status.is_server_error() || [408, 425, 429].contains(&status.as_u16());
        self.failed(format!("HTTP status {status}"), is_transient)
    }

    fn unreachable(&self, error: &ureq::Error) -> NodeError {
        let is_tls = match error {
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
            ureq::Error::Io(error) => {
                error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
            }
            _ => false,
        };
        let code = if is_tls { ErrorCode::NodeTls } else { ErrorCode::NodeConnect };
        NodeError::Web { address: self.address.clone(), reason: error.to_string(), code, is_transient: !is_tls }
    }

    fn failed(&self, reason: String, is_transient: bool) -> NodeError {
        NodeError::Web { address: self.address.clone(), reason, code: ErrorCode::NodeWeb, is_transient }
    }
}

/// The value of the header for the token in `file`, which is read at each delivery: tokens expire and are replaced.
fn bearer(file: &Path) -> Result<String, NodeError> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|e| NodeError::File(format!("the token in {}: {e}", file.display())))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(NodeError::File(format!("{} holds no token", file.display())));
    }
    Ok(format!("Bearer {token}"))
}

/// A boundary that no file contains but by design.
fn boundary(instance: &str, bytes: u64) -> String {
    let digest = hex::encode(Sha256::digest(format!("{instance} {bytes}").as_bytes()));
    format!("octrls-{}", &digest[..32])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_named_instance_is_stored() {
        let address: WebAddress = "http://127.0.0.1:1/rs".parse().unwrap();
        let options = SendOptions::new("OCTRLS".parse().unwrap());
        let service = Service::new(&address, &options).unwrap();
        let item = |uid: &str| json!({ INSTANCE: { "vr": "UI", "Value": [uid] } });
        let sequence = |tag: &str, item: Value| json!({ tag: { "vr": "SQ", "Value": [item] } });
        assert_eq!(service.stored(&sequence(STORED, item("1.2")), "1.2").unwrap(), 0);
        assert_eq!(service.stored(&json!([sequence(STORED, item("1.2"))]), "1.2").unwrap(), 0);
        let mut warned = item("1.2");
        warned[WARNING] = json!({ "vr": "US", "Value": [0xb000] });
        assert_eq!(service.stored(&sequence(STORED, warned), "1.2").unwrap(), 0xb000);
        for unproven in [sequence(STORED, item("1.3")), json!({}), json!(null), json!("stored")] {
            let error = service.stored(&unproven, "1.2").unwrap_err();
            assert!(error.is_transient() && error.code() == ErrorCode::NodeWeb, "{error}");
        }
        let failed = |code: u16| {
            let mut failed = item("1.2");
            failed[FAILURE] = json!({ "vr": "US", "Value": [code] });
            service.stored(&sequence(FAILED, failed), "1.2").unwrap_err()
        };
        assert!(failed(0xa700).is_transient() && !failed(0xc000).is_transient());
    }
}
