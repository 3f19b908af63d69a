//! Settings for sending.

use std::{path::PathBuf, time::Duration};

use super::{AeTitle, ClientTls, Stop};

/// Settings for sending.
#[derive(Clone, Debug)]
pub struct SendOptions {
    /// Our own title.
    pub title: AeTitle,
    /// Number of retries after a transient failure.
    pub retries: u32,
    /// Wait before the first retry; it doubles with each further one.
    pub backoff: Duration,
    /// Time limit for connecting and for each answer of the target.
    pub timeout: Duration,
    /// Certificates of a connection with TLS; `None` sends without encryption.
    pub tls: Option<ClientTls>,
    /// File with the bearer token for a DICOMweb service.
    pub token: Option<PathBuf>,
    /// Stops sending: after the current file, or at once.
    pub stop: Stop,
}

impl SendOptions {
    /// Default settings with our title `title`.
    #[must_use]
    pub fn new(title: AeTitle) -> Self {
        let (backoff, timeout) = (Duration::from_secs(1), Duration::from_secs(30));
        Self { title, retries: 3, backoff, timeout, tls: None, token: None, stop: Stop::default() }
    }
}
