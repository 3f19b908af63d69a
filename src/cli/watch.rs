//! `octrls watch`: runs the engine with the screen that fits the terminal.

use octrls_core::ErrorCode;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::Receiver;

use octrls_core::network::Network;
use octrls_engine::{
    Engine, EngineHandle, EngineOptions, Event, History, Level, ModelFacts, Processor, ScanId, Segmenter,
    SegmenterOptions, resolve,
};
use octrls_tui as screen;
use octrls_tui::{
    Controls, ScreenKind,
    dashboard::{DashboardOptions, ImageMode, TerminalSession},
};

use super::{
    SOME_FAILED, WRONG_ARGUMENTS,
    args::WatchArguments,
    coded, config, default_jobs,
    dicom_peers::DicomPeers,
    load_network, on_signals,
    queue::Queue,
    service::{Reader, Service, tuning},
};

/// Default name of the results folder, below the first watched folder.
const DEFAULT_OUT: &str = "octrls-results";

/// Runs the command; `line` is the whole command line, which is merged with the settings file.
pub(super) fn run(arguments: &WatchArguments, line: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let Some(file) = arguments.service.config.clone() else { return watch(arguments, None) };
    match config::load(&file, &line) {
        Ok((arguments, values)) => watch(&arguments, Some(Reader { file, arguments: line, values })),
        Err(error) => {
            eprintln!("octrls: {}", super::in_words(&error));
            Ok(ExitCode::from(WRONG_ARGUMENTS))
        }
    }
}

fn watch(arguments: &WatchArguments, settings: Option<Reader>) -> anyhow::Result<ExitCode> {
    let asked = match (arguments.plain, arguments.json) {
        (true, _) => Some(ScreenKind::Plain),
        (_, true) => Some(ScreenKind::Json),
        _ => None,
    };
    let segment = arguments.results.options()?;
    let queue = arguments.queue.queue()?;
    let network = load_network(&arguments.model)?;
    let roots = arguments.roots()?;
    let out = out_of(arguments, &roots[0]);
    let tuning = tuning(arguments);
    let options = EngineOptions {
        roots: roots.to_vec(),
        stability: tuning.stability,
        poll: arguments.poll.map(Duration::from_secs_f64),
        poll_roots: arguments
            .poll_root
            .iter()
            .map(|(root, every)| (root.clone(), Duration::from_secs_f64(*every)))
            .collect(),
        workers: arguments.jobs.map(usize::from).or(arguments.queue.default_jobs()).unwrap_or_else(default_jobs),
        attempts: tuning.attempts,
        until_idle: arguments.once,
        ..arguments.limits.options(EngineOptions::new(&roots[0], out))
    };
    // Fails on a missing root before a folder is created below it.
    let options = resolve(options).map_err(|e| coded(e.code(), e))?;
    // Remote workers cannot reach the history of eyes.
    let history = match queue {
        Some(_) => None,
        None => arguments.follow_up.history(&options.out)?,
    };
    let screen = screen::choose(asked);
    let service = Service::new(arguments, &options.out, settings);
    let (dicom_peers, no_follow_up) = (arguments.net.dicom_peers(), arguments.follow_up.no_follow_up);
    let watch = Watch { options, segment, history, screen, dicom_peers, service, queue, no_follow_up };
    watch.run(network, arguments.image.image)
}

/// The results folder of a watcher of `root`.
pub(super) fn out_of(arguments: &WatchArguments, root: &Path) -> PathBuf {
    arguments.out.clone().unwrap_or_else(|| root.join(DEFAULT_OUT))
}

/// Everything that a watcher runs with.
pub(super) struct Watch {
    pub(super) options: EngineOptions,
    pub(super) segment: SegmenterOptions,
    /// Measurements of earlier visits; `None` without follow-up.
    pub(super) history: Option<Arc<History>>,
    pub(super) screen: ScreenKind,
    pub(super) dicom_peers: DicomPeers,
    pub(super) service: Service,
    /// The queue of remote workers; `None` when this process segments the scans.
    pub(super) queue: Option<Queue>,
    /// Whether the operator turned follow-up off.
    pub(super) no_follow_up: bool,
}

impl Watch {
    /// Runs until the engine has stopped; SIGTERM and Ctrl-C drain it. The exit code tells whether scans were
    /// quarantined or, with `--once`, scans or deliveries are left.
    pub(super) fn run(self, network: Network, image: ImageMode) -> anyhow::Result<ExitCode> {
        let metadata = network.metadata();
        let model = ModelFacts { name: metadata.name.clone(), sha256: network.file_sha256().to_owned() };
        let watched = network.clone();
        // Received scans go to the first folder.
        let root = self.options.roots.first().cloned().unwrap_or_default();
        let (out, once) = (self.options.out.clone(), self.options.until_idle);
        let (processor, ear) = if let Some(queue) = self.queue {
            let (processor, ear) = queue.processor(&network, self.segment, &out, self.options.timeout)?;
            (processor, Some(ear))
        } else {
            let segmenter = Segmenter::new(network, self.segment, &out).with_history(self.history);
            (Arc::new(segmenter) as Arc<dyn Processor>, None)
        };
        let processor = self.dicom_peers.served_by(processor);
        let (engine, events) = Engine::start(self.options, processor, model).map_err(|e| coded(e.code(), e))?;
        if let Some(ear) = ear {
            ear.listen(engine.handle(), self.no_follow_up);
        }
        let remote = engine.handle();
        watched.on_gpu_failure(move |reason| {
            remote.notice(
                Level::Warning,
                Some(ErrorCode::ModelDevice),
                format!("the GPU failed, continuing on the CPU: {reason}"),
            );
        });
        let relay = self.service.start(events, &engine.handle(), &out)?;
        let busy = self.dicom_peers.start(&root, &out, &engine.handle())?;
        let (drained, aborted) = ((engine.handle(), busy.stop()), (engine.handle(), busy.stop()));
        on_signals(
            move || {
                drained.0.drain();
                drained.1.drain();
            },
            move || {
                aborted.0.abort();
                aborted.1.abort();
            },
        )?;
        crate::service::ready();
        show(self.screen, &relay.events, engine.handle(), image)?;
        let totals = engine.join();
        relay.finish();
        let left = busy.finish(once);
        let failed = totals.quarantined > 0 || (once && (left > 0 || totals.left > 0));
        Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
    }
}

fn show(kind: ScreenKind, events: &Receiver<Event>, remote: EngineHandle, image: ImageMode) -> anyhow::Result<()> {
    let controls = EngineControls(remote);
    match kind {
        ScreenKind::Dashboard => match TerminalSession::take() {
            Ok(desk) => drop(desk.run(events, &controls, DashboardOptions::new(image))?),
            Err(error) => {
                no_dashboard(&error);
                screen::plain::run(events, io::stdout().lock(), &controls)?;
            }
        },
        ScreenKind::Plain => drop(screen::plain::run(events, std::io::stdout().lock(), &controls)?),
        ScreenKind::Json => drop(screen::json::run(events, std::io::stdout().lock(), &controls)?),
    }
    Ok(())
}

/// Explains why plain lines appear instead of the dashboard: some terminals do not report their cursor position.
pub(super) fn no_dashboard(error: &io::Error) {
    eprintln!("octrls: this terminal cannot show the dashboard ({error}); printing lines instead");
}

/// Passes the requests of screens on to the engine.
pub(super) struct EngineControls(pub(super) EngineHandle);

impl Controls for EngineControls {
    fn drain(&self) {
        self.0.drain();
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn pause(&self, paused: bool) {
        self.0.pause(paused);
    }

    fn rescan(&self) {
        self.0.rescan();
    }

    fn retry(&self, scan: ScanId) {
        self.0.retry(scan);
    }
}
