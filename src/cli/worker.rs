//! `octrls worker`: segments scans for watchers on other machines.

use std::{
    env,
    ffi::OsString,
    io,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use clap::Args;
use crossbeam_channel::unbounded;

use super::{
    SOME_FAILED, WRONG_ARGUMENTS,
    args::{ModelArguments, seconds, seconds_or_none},
    config, default_jobs, load_network, on_signals,
    queue::{ServerArguments, failed},
};
use crate::service::{Relay, Slot};
use octrls_engine::EventSink;
use octrls_engine::ScanId;
use octrls_fleet::{
    Link, Notifier, Server,
    worker::{self, WorkerHandle, WorkerOptions},
};
use octrls_fs::platform;
use octrls_tui::{Controls, json, plain};

const BYTES_IN_MIB: u64 = 1 << 20;
/// Longest name of a worker, in bytes.
const LONGEST_NAME: usize = 64;
const NO_QUEUE: &str = "E-CONFIG-TOGETHER: no queue; name one on the command line or as `queue`";

const WORKER: &str = "Worker";
const LIMITS: &str = "Limits";

#[derive(Args)]
pub(super) struct WorkerArguments {
    /// NATS JetStream server: nats://HOST or tls://HOST; separate the hosts of a cluster with commas
    #[arg(long, value_name = "URL", required_unless_present = "config", help_heading = "Queue")]
    queue: Option<String>,
    #[command(flatten, next_help_heading = "Queue")]
    server: ServerArguments,
    /// TOML file with any of these options; the command line overrides it
    #[arg(long, value_name = "FILE", help_heading = WORKER)]
    pub(super) config: Option<PathBuf>,
    /// Name of this worker, shown to watchers [default: host name]
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = WORKER)]
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
    /// Seconds without a sign of life before a worker counts as lost and its scans go to others
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = LIMITS)]
    patience: f64,
    /// Print one JSON object per event instead of plain lines
    #[arg(long, help_heading = WORKER)]
    json: bool,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArguments,
}

/// Runs the command; `line` is the whole command line, which is merged with the settings file.
pub(super) fn run(arguments: &WorkerArguments, line: &[OsString]) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.config else { return work(arguments) };
    match config::load_worker(file, line) {
        Ok((arguments, _)) if arguments.queue.is_none() => {
            eprintln!("octrls: {NO_QUEUE}");
            Ok(ExitCode::from(WRONG_ARGUMENTS))
        }
        Ok((arguments, _)) => work(&arguments),
        Err(error) => {
            eprintln!("octrls: {}", super::in_words(&error));
            Ok(ExitCode::from(WRONG_ARGUMENTS))
        }
    }
}

impl WorkerArguments {
    /// The server of the queue.
    ///
    /// # Errors
    /// When no queue is named, its address is invalid, or a file that it needs cannot be read.
    pub(super) fn server(&self) -> anyhow::Result<Server> {
        self.server.server(self.queue.as_ref().ok_or_else(|| anyhow::anyhow!(NO_QUEUE))?)
    }
}

fn work(arguments: &WorkerArguments) -> anyhow::Result<ExitCode> {
    let server = arguments.server()?;
    let network = load_network(&arguments.model)?;
    let options = WorkerOptions {
        name: arguments.name.clone().unwrap_or_else(name_of_box),
        jobs: arguments.jobs.map_or_else(default_jobs, usize::from),
        scratch: arguments.scratch.clone().unwrap_or_else(env::temp_dir),
        share: arguments.server.queue_share.clone(),
        limit: (arguments.timeout > 0.0).then(|| Duration::from_secs_f64(arguments.timeout)),
        max_bytes: u64::from(arguments.max_file_mib) * BYTES_IN_MIB,
        deliveries: arguments.deliveries,
        patience: Duration::from_secs_f64(arguments.patience),
    };
    let link = Link::open(&server, Notifier::default()).map_err(failed)?;
    let (events, told) = unbounded();
    let stops = WorkerHandle::default();
    let (relay, _) = Relay::start(told, sinks(&stops)?)?;
    let (drained, aborted) = (stops.clone(), stops.clone());
    on_signals(move || drained.drain(), move || aborted.abort())?;
    let result = Arc::new(OnceLock::new());
    let (steered, kept) = (stops.clone(), Arc::clone(&result));
    let working = thread::Builder::new().name("octrls-worker".to_owned()).spawn(move || {
        let _ = kept.set(worker::run(link, network, options, steered, events));
    })?;
    crate::service::ready();
    let controls = WorkerControls(stops);
    if arguments.json {
        json::run(&relay.events, io::stdout().lock(), &controls)?;
    } else {
        plain::run(&relay.events, io::stdout().lock(), &controls)?;
    }
    let _ = working.join();
    relay.finish();
    match Arc::into_inner(result).and_then(OnceLock::into_inner) {
        Some(Ok(totals)) if totals.quarantined == 0 => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::from(SOME_FAILED)),
        Some(Err(error)) => Err(failed(error)),
        None => anyhow::bail!("E-PANIC: internal error: the worker stopped unexpectedly"),
    }
}

/// The readers of events besides the screen.
fn sinks(stops: &WorkerHandle) -> io::Result<Vec<(Slot, Box<dyn EventSink>)>> {
    let stops = stops.clone();
    let systemd = crate::service::Systemd::start(move |_| stops.is_alive())?;
    Ok(systemd.map(|systemd| (Slot::Systemd, Box::new(systemd) as Box<dyn EventSink>)).into_iter().collect())
}

/// A worker's controls: it can only be stopped.
struct WorkerControls(WorkerHandle);

impl Controls for WorkerControls {
    fn drain(&self) {
        self.0.drain();
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn pause(&self, _: bool) {}

    fn rescan(&self) {}

    fn retry(&self, _: ScanId) {}
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("expected 1 to {LONGEST_NAME} characters of A-Z, a-z, 0-9, -, _ and ."))
}

/// The host name where it is a valid worker name, otherwise `worker`.
fn name_of_box() -> String {
    name(&platform::host_name().unwrap_or_default()).unwrap_or_else(|_| "worker".to_owned())
}
