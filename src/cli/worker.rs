//! `octrls worker`: works on the scans of watchers elsewhere.

use std::{
    env,
    ffi::OsString,
    fs, io,
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
    Link, Server, Teller,
    worker::{self, Stops, WorkerOptions},
};
use octrls_tui as screen;
use octrls_tui::Controls;

const BYTES_IN_MIB: u64 = 1 << 20;
/// Longest name of a worker.
const LONGEST_NAME: usize = 64;
const NO_QUEUE: &str = "E-CONFIG-TOGETHER: no queue: neither on the command line nor as `queue`";

#[derive(Args)]
pub(super) struct WorkerArguments {
    /// The queue in NATS JetStream: nats://HOST or tls://HOST, of a cluster with commas between
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    queue: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
    /// TOML file with any of these options; the command line beats it
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What watchers are told who worked [default: the name of this box]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Scans to work on at once [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Folder for scans in hand, of which nothing stays [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Give a scan up that is not done after so many seconds; 0: when its watcher says
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds_or_none)]
    timeout: f64,
    /// Refuse a scan that is larger
    #[arg(long, value_name = "MIB", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_file_mib: u32,
    /// Give a scan up that so many workers took and did not live to finish
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    deliveries: u32,
    /// A worker that is silent for so many seconds is taken for lost, and its scans go to others
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    patience: f64,
    /// One JSON object for each change instead of a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
}

/// `line` is the command line that the arguments come from.
pub(super) fn run(arguments: &WorkerArguments, line: &[OsString]) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.config else { return work(arguments) };
    match config::load_worker(file, line) {
        Ok((arguments, _)) if arguments.queue.is_none() => {
            eprintln!("octrls: {NO_QUEUE}");
            Ok(ExitCode::from(WRONG_ARGUMENTS))
        }
        Ok((arguments, _)) => work(&arguments),
        Err(error) => {
            eprintln!("octrls: {error:#}");
            Ok(ExitCode::from(WRONG_ARGUMENTS))
        }
    }
}

impl WorkerArguments {
    /// The queue to work for.
    ///
    /// # Errors
    /// When none is named, or its address is none, or a file that it needs cannot be read.
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
    let link = Link::open(&server, Teller::default()).map_err(failed)?;
    let (events, told) = unbounded();
    let stops = Stops::default();
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
        screen::json::run(&relay.events, io::stdout().lock(), &controls)?;
    } else {
        screen::plain::run(&relay.events, io::stdout().lock(), &controls)?;
    }
    let _ = working.join();
    relay.finish();
    match Arc::into_inner(result).and_then(OnceLock::into_inner) {
        Some(Ok(totals)) if totals.quarantined == 0 => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::from(SOME_FAILED)),
        Some(Err(error)) => Err(failed(error)),
        None => anyhow::bail!("E-PANIC: internal error: the worker has ended"),
    }
}

/// Who reads of it beside the screen.
fn sinks(stops: &Stops) -> io::Result<Vec<(Slot, Box<dyn EventSink>)>> {
    let stops = stops.clone();
    let systemd = crate::service::Systemd::start(move |_| stops.is_alive())?;
    Ok(systemd.map(|systemd| (Slot::Systemd, Box::new(systemd) as Box<dyn EventSink>)).into_iter().collect())
}

/// What a reader of the lines can ask of a worker: to stop.
struct WorkerControls(Stops);

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
    fits.then(|| text.to_owned()).ok_or_else(|| format!("not 1 to {LONGEST_NAME} of A-Z, a-z, 0-9, -, _ and ."))
}

/// The name of this box, as far as it can be one of a worker.
fn name_of_box() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| env::var("COMPUTERNAME").ok());
    let told = told.unwrap_or_default();
    name(told.trim()).unwrap_or_else(|_| "worker".to_owned())
}
