//! The queue that watchers and workers share.

use std::path::PathBuf;

use clap::Args;

use octrls_core::ErrorCode;
use octrls_fleet::{Login, QueueName, Server, ServerUrl};

use crate::cli::error::coded;

/// Default number of scans in the queue at once.
const IN_FLIGHT: usize = 32;

/// How to reach the server of a queue.
#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "each is the name of its option")]
pub(crate) struct ServerArguments {
    /// Name prefix of the queue's streams, stores and subjects
    #[arg(long, value_name = "NAME", default_value = "octrls", requires = "queue")]
    queue_name: QueueName,
    /// NATS credentials file (JWT and nkey)
    #[arg(long, value_name = "FILE", requires = "queue", conflicts_with = "queue_login")]
    queue_creds: Option<PathBuf>,
    /// File with USER:PASSWORD or a token; safer than in the URL, which other users of this machine can see
    #[arg(long, value_name = "FILE", requires = "queue")]
    queue_login: Option<PathBuf>,
    /// CA certificates (PEM) that replace the system's; enables TLS
    #[arg(long, value_name = "FILE", requires = "queue")]
    queue_ca: Option<PathBuf>,
    /// Client certificate (PEM), if the server requires one
    #[arg(long, value_name = "FILE", requires_all = ["queue", "queue_key"])]
    queue_cert: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "queue_cert")]
    queue_key: Option<PathBuf>,
    /// Folder shared by watcher and workers; scans in it are read there instead of being sent
    #[arg(long, value_name = "DIR", requires = "queue")]
    pub(crate) queue_share: Option<PathBuf>,
}

/// The queue options of `octrls watch`.
#[derive(Args)]
pub(crate) struct WatchQueueArguments {
    /// Send scans to `octrls worker` through this NATS JetStream server: nats://HOST or tls://HOST; separate the hosts
    /// of a cluster with commas
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// The queue of a watcher, not yet connected.
pub(crate) struct Queue {
    pub(crate) server: Server,
    pub(crate) share: Option<PathBuf>,
}

impl ServerArguments {
    /// The server at `url`, which is parsed here because clap would print an invalid one together with its login.
    ///
    /// # Errors
    /// When `url` is invalid, or the login file cannot be read.
    pub(crate) fn server(&self, url: &str) -> anyhow::Result<Server> {
        let url: ServerUrl = url.parse().map_err(|reason| anyhow::anyhow!("{}: {reason}", ErrorCode::FleetUrl))?;
        let login = match (&self.queue_creds, &self.queue_login) {
            (Some(path), _) => Login::Credentials(path.clone()),
            (None, Some(path)) => Login::of_file(path).map_err(|e| coded(e.code(), e))?,
            (None, None) => Login::Anonymous,
        };
        Ok(Server {
            url,
            name: self.queue_name.clone(),
            login,
            ca: self.queue_ca.clone(),
            certificate: self.queue_cert.clone().zip(self.queue_key.clone()),
        })
    }
}

impl WatchQueueArguments {
    /// The queue; `None` when this process segments the scans itself.
    pub(crate) fn queue(&self) -> anyhow::Result<Option<Queue>> {
        let Some(url) = &self.queue else { return Ok(None) };
        Ok(Some(Queue { server: self.server.server(url)?, share: self.server.queue_share.clone() }))
    }

    /// Default number of scans at once: above any worker's core count, because the scans wait elsewhere.
    pub(crate) fn default_jobs(&self) -> Option<usize> {
        self.queue.as_ref().map(|_| IN_FLIGHT)
    }
}
