//! The arguments of a watcher that runs as a service.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::service::{LogFormat, LogOptions};

const BYTES_IN_MIB: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct ServiceArguments {
    /// TOML file with any of these options; the command line beats it. See `octrls config sample`
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Socket at which `octrls top` attaches, for owner and group [default: octrls.sock in systemd's runtime folder, else in
    /// .octrls below the results]
    #[arg(long, value_name = "PATH", conflicts_with = "no_socket")]
    pub(super) socket: Option<PathBuf>,
    /// No socket: nobody can attach
    #[arg(long)]
    pub(super) no_socket: bool,
    /// Write what happens to a file too, which makes place for a new one when it is full
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Lines or JSON objects in the log
    #[arg(long, value_name = "HOW", default_value = "plain")]
    log_format: LogFormat,
    /// Size of a log file, in MiB
    #[arg(long, value_name = "MIB", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=4096))]
    log_max_mib: u32,
    /// Older log files to keep
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(0..=100))]
    log_keep: u32,
    /// Answer GET /metrics (Prometheus) and /healthz at this address; who can reach it can read them
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) metrics: Option<SocketAddr>,
    /// Write the figures of /metrics to a file every 15 seconds, for the node exporter's textfile collector
    #[arg(long, value_name = "FILE.prom")]
    pub(super) metrics_file: Option<PathBuf>,
}

impl ServiceArguments {
    /// `None` where there is to be no log.
    pub(super) fn log(&self) -> Option<LogOptions> {
        Some(LogOptions {
            path: self.log.clone()?,
            format: self.log_format,
            most_bytes: u64::from(self.log_max_mib) * BYTES_IN_MIB,
            keep: self.log_keep,
        })
    }
}
