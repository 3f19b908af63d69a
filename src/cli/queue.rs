//! A queue that several boxes share, for the commands that use one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::coded;
use octrls_core::network::Network;
use octrls_engine::{Level, Processor, Remote, SegmenterOptions};
use octrls_fleet::{Dispatcher, FleetError, Link, Login, QueueName, Server, ServerUrl, Teller};

/// Scans in the queue at once when nobody says.
const IN_FLIGHT: usize = 32;

/// How to reach a queue.
#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "each is the name of its option")]
pub(super) struct ServerArguments {
    /// What the names of its streams, stores and subjects begin with
    #[arg(long, value_name = "NAME", default_value = "octrls", requires = "queue")]
    queue_name: QueueName,
    /// Credentials file of NATS (JWT and nkey) to show there
    #[arg(long, value_name = "FILE", requires = "queue", conflicts_with = "queue_login")]
    queue_creds: Option<PathBuf>,
    /// File with USER:PASSWORD or a token to show there, rather than in the address, where other users of this box see it
    #[arg(long, value_name = "FILE", requires = "queue")]
    queue_login: Option<PathBuf>,
    /// Certificates (PEM) of who vouches for the server, in place of the system's; asks for TLS
    #[arg(long, value_name = "FILE", requires = "queue")]
    queue_ca: Option<PathBuf>,
    /// Our own certificate (PEM), where the server asks for one
    #[arg(long, value_name = "FILE", requires_all = ["queue", "queue_key"])]
    queue_cert: Option<PathBuf>,
    /// The key of our own certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "queue_cert")]
    queue_key: Option<PathBuf>,
    /// Folder that watcher and workers see under the same or another path: scans in it are not sent, but read there
    #[arg(long, value_name = "DIR", requires = "queue")]
    pub(super) queue_share: Option<PathBuf>,
}

/// Those of a watcher.
#[derive(Args)]
pub(super) struct WatchQueueArguments {
    /// Have workers elsewhere do the work, by a queue in NATS JetStream: nats://HOST or tls://HOST, of a cluster with commas
    /// between; see `octrls worker`
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// A queue that a watcher is to use.
pub(super) struct Queue {
    server: Server,
    share: Option<PathBuf>,
}

impl ServerArguments {
    /// The queue at `url`, which is no value of its own kind: the parser of the command line would repeat a wrong one, login
    /// and all.
    pub(super) fn server(&self, url: &str) -> anyhow::Result<Server> {
        let url: ServerUrl = url.parse().map_err(|reason| anyhow::anyhow!("E-FLEET-URL: {reason}"))?;
        let login = match (&self.queue_creds, &self.queue_login) {
            (Some(path), _) => Login::Credentials(path.clone()),
            (None, Some(path)) => Login::of_file(path).map_err(failed)?,
            (None, None) => Login::Nobody,
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
    /// `None` where scans are worked on in this process.
    pub(super) fn queue(&self) -> anyhow::Result<Option<Queue>> {
        let Some(url) = &self.queue else { return Ok(None) };
        Ok(Some(Queue { server: self.server.server(url)?, share: self.server.queue_share.clone() }))
    }

    /// Scans at once when nobody says: more than any worker has cores, since they wait elsewhere.
    pub(super) fn default_jobs(&self) -> Option<usize> {
        self.queue.as_ref().map(|_| IN_FLIGHT)
    }
}

impl Queue {
    /// The processor that leaves its results below `out`, and who tells what is wrong with the queue.
    pub(super) fn processor(
        self,
        network: &Network,
        options: SegmenterOptions,
        out: &Path,
        limit: Option<Duration>,
    ) -> anyhow::Result<(Arc<dyn Processor>, Ear)> {
        let teller = Teller::default();
        let link = Link::open(&self.server, teller.clone()).map_err(failed)?;
        let dispatcher = Dispatcher::start(link, network, options, out, self.share.as_deref(), limit);
        Ok((Arc::new(dispatcher.map_err(failed)?), Ear(teller)))
    }
}

/// What the queue has to say.
pub(super) struct Ear(Teller);

impl Ear {
    /// From now on an operator hears it.
    pub(super) fn listen(self, remote: Remote, no_follow_up: bool) {
        if !no_follow_up {
            let text = "scans that go to a queue are not compared with earlier visits: the history of eyes stays here";
            remote.notice(Level::Info, Some("W-FLEET-FOLLOW-UP"), text.to_owned());
        }
        self.0.listen(move |level, code, text| remote.notice(level, code, text));
    }
}

pub(super) fn failed(error: FleetError) -> anyhow::Error {
    coded(error.code(), error)
}
