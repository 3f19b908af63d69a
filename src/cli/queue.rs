//! Options and setup of the queue that watchers and workers share.

use octrls_core::ErrorCode;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::coded;
use octrls_core::network::Network;
use octrls_engine::{EngineHandle, Level, Processor, SegmenterOptions};
use octrls_fleet::{Dispatcher, FleetError, Link, Login, Notifier, QueueName, Server, ServerUrl};

/// Default number of scans in the queue at once.
const IN_FLIGHT: usize = 32;

/// How to reach the server of a queue.
#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "each is the name of its option")]
pub(super) struct ServerArguments {
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
    pub(super) queue_share: Option<PathBuf>,
}

/// The queue options of `octrls watch`.
#[derive(Args)]
pub(super) struct WatchQueueArguments {
    /// Send scans to `octrls worker` through this NATS JetStream server: nats://HOST or tls://HOST; separate the hosts
    /// of a cluster with commas
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// The queue of a watcher, not yet connected.
pub(super) struct Queue {
    server: Server,
    share: Option<PathBuf>,
}

impl ServerArguments {
    /// The server at `url`, which is parsed here because clap would print an invalid one together with its login.
    ///
    /// # Errors
    /// When `url` is invalid, or the login file cannot be read.
    pub(super) fn server(&self, url: &str) -> anyhow::Result<Server> {
        let url: ServerUrl = url.parse().map_err(|reason| anyhow::anyhow!("E-FLEET-URL: {reason}"))?;
        let login = match (&self.queue_creds, &self.queue_login) {
            (Some(path), _) => Login::Credentials(path.clone()),
            (None, Some(path)) => Login::of_file(path).map_err(failed)?,
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
    pub(super) fn queue(&self) -> anyhow::Result<Option<Queue>> {
        let Some(url) = &self.queue else { return Ok(None) };
        Ok(Some(Queue { server: self.server.server(url)?, share: self.server.queue_share.clone() }))
    }

    /// Default number of scans at once: above any worker's core count, because the scans wait elsewhere.
    pub(super) fn default_jobs(&self) -> Option<usize> {
        self.queue.as_ref().map(|_| IN_FLIGHT)
    }
}

impl Queue {
    /// Connects; returns the processor, which writes results below `out`, and the queue's messages.
    pub(super) fn processor(
        self,
        network: &Network,
        options: SegmenterOptions,
        out: &Path,
        limit: Option<Duration>,
    ) -> anyhow::Result<(Arc<dyn Processor>, Ear)> {
        let teller = Notifier::default();
        let link = Link::open(&self.server, teller.clone()).map_err(failed)?;
        let dispatcher = Dispatcher::start(link, network, options, out, self.share.as_deref(), limit);
        Ok((Arc::new(dispatcher.map_err(failed)?), Ear(teller)))
    }
}

/// The queue's messages for the operator.
pub(super) struct Ear(Notifier);

impl Ear {
    /// Passes the messages on as notices from now on.
    pub(super) fn listen(self, remote: EngineHandle, no_follow_up: bool) {
        if !no_follow_up {
            let text = "scans sent to a queue are not compared with earlier visits: workers cannot read the history";
            remote.notice(Level::Info, Some(ErrorCode::FleetFollowUp), text.to_owned());
        }
        self.0.listen(move |level, code, text| remote.notice(level, code, text));
    }
}

pub(super) fn failed(error: FleetError) -> anyhow::Error {
    coded(error.code(), error)
}
