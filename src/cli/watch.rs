//! `octrls watch`: the engine with the screen that fits.

use std::{process::ExitCode, sync::Arc, time::Duration};

use crossbeam_channel::Receiver;

use crate::{
    engine::{Engine, EngineOptions, Event, History, ModelFacts, Remote, ScanId, Segmenter, SegmenterOptions, resolve},
    network::Network,
    screen::{
        self, Controls, ScreenKind,
        dashboard::{DashboardOptions, ImageMode},
    },
};

use super::{SOME_FAILED, args::WatchArguments, coded, default_jobs, load_network, neighbours::Neighbours, on_signals};

/// Results, ledger and quarantine beside the scans when nobody says where.
const DEFAULT_OUT: &str = "octrls-results";

pub(super) fn run(arguments: &WatchArguments) -> anyhow::Result<ExitCode> {
    let asked = match (arguments.plain, arguments.json) {
        (true, _) => Some(ScreenKind::Plain),
        (_, true) => Some(ScreenKind::Json),
        _ => None,
    };
    let segment = arguments.results.options()?;
    let network = load_network(&arguments.model)?;
    let first = arguments.roots.first().cloned().unwrap_or_default();
    let out = arguments.out.clone().unwrap_or_else(|| first.join(DEFAULT_OUT));
    let options = EngineOptions {
        roots: arguments.roots.clone(),
        stability: Duration::from_secs_f64(arguments.stable),
        poll: arguments.poll.map(Duration::from_secs_f64),
        workers: arguments.jobs.map_or_else(default_jobs, usize::from),
        attempts: arguments.attempts,
        until_idle: arguments.once,
        ..arguments.limits.options(EngineOptions::new(first, out))
    };
    // Before anything is made below a root that is not there.
    let options = resolve(options).map_err(|e| coded(e.code(), e))?;
    let history = arguments.follow_up.history(&options.out)?;
    let screen = screen::choose(asked);
    let watch = Watch { options, segment, history, screen, neighbours: arguments.net.neighbours() };
    watch.run(network, arguments.image.image)
}

/// An engine and the screen that shows it.
pub(super) struct Watch {
    pub(super) options: EngineOptions,
    pub(super) segment: SegmenterOptions,
    /// What earlier visits measured, where scans are followed up.
    pub(super) history: Option<Arc<History>>,
    pub(super) screen: ScreenKind,
    pub(super) neighbours: Neighbours,
}

impl Watch {
    /// Runs until the engine has stopped; SIGTERM and Ctrl-C drain it. Fails when something was quarantined, or is left
    /// to deliver after all was worked through.
    pub(super) fn run(self, network: Network, image: ImageMode) -> anyhow::Result<ExitCode> {
        let metadata = network.metadata();
        let model = ModelFacts { name: metadata.name.clone(), sha256: network.file_sha256().to_owned() };
        // What is received comes into the first folder.
        let root = self.options.roots.first().cloned().unwrap_or_default();
        let (out, once) = (self.options.out.clone(), self.options.until_idle);
        let segmenter = Segmenter::new(network, self.segment, &out).with_history(self.history);
        let processor = self.neighbours.served_by(segmenter);
        let (engine, events) = Engine::start(self.options, processor, model).map_err(|e| coded(e.code(), e))?;
        let busy = self.neighbours.start(&root, &out, &engine.remote())?;
        let (drained, aborted) = ((engine.remote(), busy.stop()), (engine.remote(), busy.stop()));
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
        show(self.screen, &events, engine.remote(), image)?;
        let totals = engine.join();
        let left = busy.finish(once);
        let failed = totals.quarantined > 0 || (once && (left > 0 || totals.left > 0));
        Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
    }
}

fn show(kind: ScreenKind, events: &Receiver<Event>, remote: Remote, image: ImageMode) -> anyhow::Result<()> {
    let controls = EngineControls(remote);
    match kind {
        ScreenKind::Dashboard => {
            screen::dashboard::run(events, &controls, DashboardOptions::new(image))?;
        }
        ScreenKind::Plain => drop(screen::plain::run(events, std::io::stdout().lock(), &controls)?),
        ScreenKind::Json => drop(screen::json::run(events, std::io::stdout().lock(), &controls)?),
    }
    Ok(())
}

/// What screens ask, passed on to the engine.
struct EngineControls(Remote);

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

    fn retry(&self, scan: ScanId) {
        self.0.retry(scan);
    }
}
