//! `octrls watch`: the engine with the screen that fits.

use std::{process::ExitCode, sync::Arc, time::Duration};

use crossbeam_channel::Receiver;
use signal_hook::consts::TERM_SIGNALS;

use crate::{
    engine::{Engine, EngineOptions, Event, ModelFacts, Remote, ScanId, Segmenter, SegmenterOptions, Totals},
    network::Network,
    screen::{
        self, Controls, ScreenKind,
        dashboard::{DashboardOptions, ImageMode},
    },
};

use super::{SOME_FAILED, args::WatchArguments, coded, default_jobs, load_network};

/// Results, ledger and quarantine beside the scans when nobody says where.
const DEFAULT_OUT: &str = "octrls-results";

pub(super) fn run(arguments: &WatchArguments) -> anyhow::Result<ExitCode> {
    let asked = match (arguments.plain, arguments.json) {
        (true, _) => Some(ScreenKind::Plain),
        (_, true) => Some(ScreenKind::Json),
        _ => None,
    };
    let network = load_network(&arguments.model)?;
    let out = arguments.out.clone().unwrap_or_else(|| arguments.root.join(DEFAULT_OUT));
    let options = EngineOptions {
        stability: Duration::from_secs_f64(arguments.stable),
        poll: arguments.poll.map(Duration::from_secs_f64),
        workers: arguments.jobs.map_or_else(default_jobs, usize::from),
        attempts: arguments.attempts,
        until_idle: arguments.once,
        ..EngineOptions::new(&arguments.root, out)
    };
    let watch = Watch { options, segment: arguments.results.options()?, screen: screen::choose(asked) };
    let totals = watch.run(network, arguments.image.image)?;
    Ok(exit_code(totals))
}

/// 0 when nothing was quarantined.
pub(super) fn exit_code(totals: Totals) -> ExitCode {
    if totals.quarantined == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) }
}

/// An engine and the screen that shows it.
pub(super) struct Watch {
    pub(super) options: EngineOptions,
    pub(super) segment: SegmenterOptions,
    pub(super) screen: ScreenKind,
}

impl Watch {
    /// Runs until the engine has stopped; SIGTERM and Ctrl-C drain it.
    pub(super) fn run(self, network: Network, image: ImageMode) -> anyhow::Result<Totals> {
        let metadata = network.metadata();
        let model = ModelFacts { name: metadata.name.clone(), sha256: network.file_sha256().to_owned() };
        let segmenter = Segmenter::new(network, self.segment, &self.options.out);
        let (engine, events) =
            Engine::start(self.options, Arc::new(segmenter), model).map_err(|e| coded(e.code(), e))?;
        drain_on_signals(engine.remote())?;
        show(self.screen, &events, engine.remote(), image)?;
        Ok(engine.join())
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

/// Drains at the first signal and aborts at the second.
fn drain_on_signals(remote: Remote) -> anyhow::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new(TERM_SIGNALS)?;
    std::thread::Builder::new().name("octrls-signals".to_owned()).spawn(move || {
        let mut received = signals.forever();
        if received.next().is_some() {
            remote.drain();
        }
        if received.next().is_some() {
            remote.abort();
        }
    })?;
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
