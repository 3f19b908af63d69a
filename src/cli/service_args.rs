//! Service options of `octrls watch`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::service::{LogFormat, LogOptions};

const BYTES_IN_MIB: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct ServiceArguments {
    /// TOML file with any of these options; the command line overrides it. See `octrls config sample`
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Socket for `octrls top`, open to owner and group [default: octrls.sock in systemd's runtime folder, otherwise in
    /// .octrls in the results folder]
    #[arg(long, value_name = "PATH", conflicts_with = "no_socket")]
    pub(super) socket: Option<PathBuf>,
    /// Open no socket, so `octrls top` cannot attach
    #[arg(long)]
    pub(super) no_socket: bool,
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
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) metrics: Option<SocketAddr>,
    /// Write the metrics to this file every 15 seconds, for the node exporter's textfile collector
    #[arg(long, value_name = "FILE.prom")]
    pub(super) metrics_file: Option<PathBuf>,
}

impl ServiceArguments {
    /// The options of the log file; `None` without `--log`.
    pub(super) fn log(&self) -> Option<LogOptions> {
        Some(LogOptions {
            path: self.log.clone()?,
            format: self.log_format,
            most_bytes: u64::from(self.log_max_mib) * BYTES_IN_MIB,
            keep: self.log_keep,
        })
    }
}
