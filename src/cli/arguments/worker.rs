//! The arguments of `octrls worker`.

use std::{env, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;

use octrls_core::ErrorCode;
use octrls_fleet::{Server, worker::WorkerOptions};
use octrls_fs::platform;

use super::{
    heading::{LIMITS, MODEL, QUEUE, WORKER},
    model::ModelArguments,
    number::{BYTES_IN_MIB, seconds, seconds_or_none, time_limit},
    queue::ServerArguments,
    watch::default_jobs,
};

/// Longest name of a worker, in bytes.
const MAX_NAME_BYTES: usize = 64;

#[derive(Args)]
pub(crate) struct WorkerArguments {
    /// NATS JetStream server: nats://HOST or tls://HOST; separate the hosts of a cluster with commas
    #[arg(long, value_name = "URL", required_unless_present = "config", help_heading = QUEUE)]
    queue: Option<String>,
    #[command(flatten, next_help_heading = QUEUE)]
    server: ServerArguments,
    /// TOML file with any of these options; the command line overrides it
    #[arg(long, value_name = "FILE", help_heading = WORKER)]
    pub(crate) config: Option<PathBuf>,
    /// Name of this worker, shown to watchers [default: host name]
    #[arg(long, value_name = "NAME", value_parser = worker_name, help_heading = WORKER)]
    name: Option<String>,
    /// Scans to process at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = WORKER)]
    jobs: Option<u16>,
    /// Folder for the files of running scans; emptied after each [default: system folder for temporary files]
    #[arg(long, value_name = "DIR", help_heading = WORKER)]
    scratch: Option<PathBuf>,
    /// Fail a scan that runs longer than this many seconds; 0 leaves the limit to the watcher
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds_or_none, help_heading = LIMITS)]
    timeout: f64,
    /// Reject scans larger than this many MiB
    #[arg(
        long,
        value_name = "MIB",
        default_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = LIMITS
    )]
    max_file_mib: u32,
    /// Fail a scan after this many workers died on it
    #[arg(
        long,
        value_name = "N",
        default_value = "5",
        value_parser = clap::value_parser!(u32).range(1..=1000),
        help_heading = LIMITS
    )]
    deliveries: u32,
    /// Seconds without a heartbeat before a worker counts as lost and its scans go to others
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = LIMITS)]
    patience: f64,
    /// Print one JSON object per event instead of plain lines
    #[arg(long, help_heading = WORKER)]
    pub(crate) json: bool,
    #[command(flatten, next_help_heading = MODEL)]
    pub(crate) model: ModelArguments,
}

impl WorkerArguments {
    /// The address of the queue's server.
    ///
    /// # Errors
    /// When there is none: the parser allows that together with a settings file.
    pub(crate) fn queue_url(&self) -> anyhow::Result<&str> {
        self.queue.as_deref().with_context(|| {
            let code = ErrorCode::ConfigTogether;
            format!("{code}: no queue; name one on the command line, or set `queue` in the settings file")
        })
    }

    /// The server of the queue.
    ///
    /// # Errors
    /// When no queue is named, its address is invalid, or a file that it needs cannot be read.
    pub(crate) fn server(&self) -> anyhow::Result<Server> {
        self.server.server(self.queue_url()?)
    }

    /// The options of the worker.
    pub(crate) fn options(&self) -> WorkerOptions {
        WorkerOptions {
            name: self.name.clone().unwrap_or_else(host_name),
            jobs: self.jobs.map_or_else(default_jobs, usize::from),
            scratch: self.scratch.clone().unwrap_or_else(env::temp_dir),
            share: self.server.queue_share.clone(),
            limit: time_limit(self.timeout),
            max_bytes: u64::from(self.max_file_mib) * BYTES_IN_MIB,
            deliveries: self.deliveries,
            patience: Duration::from_secs_f64(self.patience),
        }
    }
}

fn worker_name(text: &str) -> Result<String, String> {
    let fits = (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("expected 1 to {MAX_NAME_BYTES} characters of A-Z, a-z, 0-9, -, _ and ."))
}

/// The host name where it is a valid worker name, otherwise `worker`.
fn host_name() -> String {
    worker_name(&platform::host_name().unwrap_or_default()).unwrap_or_else(|_| "worker".to_owned())
}
