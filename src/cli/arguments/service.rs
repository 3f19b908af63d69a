//! Service options of `octrls watch`.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use octrls_tui::attach::{SOCKET, socket_of};

use super::number::{BYTES_IN_MIB, address};
use crate::service::{LogFormat, LogOptions};

#[derive(Args)]
pub(crate) struct ServiceArguments {
    /// TOML file with any of these options; the command line overrides it. See `octrls config sample`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Socket for `octrls top`, open to owner and group [default: octrls.sock in systemd's runtime folder, otherwise in
    /// .octrls in the results folder]
    #[arg(long, value_name = "PATH", conflicts_with = "no_socket")]
    socket: Option<PathBuf>,
    /// Open no socket, so `octrls top` cannot attach
    #[arg(long)]
    no_socket: bool,
    /// Also write events to this log file; full files are rotated
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Format of the log file
    #[arg(long, value_name = "HOW", default_value = "plain")]
    log_format: LogFormat,
    /// Maximum size of a log file in MiB
    #[arg(long, value_name = "MIB", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=4096))]
    log_max_mib: u32,
    /// Number of old log files to keep
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(0..=100))]
    log_keep: u32,
    /// Serve /metrics (Prometheus) and /healthz on this address, without authentication
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Write the metrics to this file every 15 seconds, for the node exporter's textfile collector
    #[arg(long, value_name = "FILE.prom")]
    pub(crate) metrics_file: Option<PathBuf>,
}

impl ServiceArguments {
    /// The options of the log file; `None` without `--log`.
    pub(crate) fn log(&self) -> Option<LogOptions> {
        Some(LogOptions {
            path: self.log.clone()?,
            format: self.log_format,
            max_bytes: u64::from(self.log_max_mib) * BYTES_IN_MIB,
            keep: self.log_keep,
        })
    }

    /// The attach socket of the watcher with results in `out`; `None` with `--no-socket`.
    pub(crate) fn socket(&self, out: &Path) -> Option<PathBuf> {
        (!self.no_socket).then(|| self.socket.clone().unwrap_or_else(|| default_socket(out)))
    }
}

fn default_socket(out: &Path) -> PathBuf {
    // systemd sets it for `RuntimeDirectory=` and may list several folders.
    let runtime = env::var("RUNTIME_DIRECTORY").ok();
    let runtime = runtime.as_deref().and_then(|folders| folders.split(':').next()).filter(|folder| !folder.is_empty());
    runtime.map_or_else(|| socket_of(out), |folder| Path::new(folder).join(SOCKET))
}
