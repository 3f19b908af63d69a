//! A running watcher: the engine, its screen, its DICOM peers and the services around it.

mod controls;
mod dicom_peers;
mod queue;
mod reload;
mod services;
mod settings_audit;

use std::{
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
};

use crossbeam_channel::Receiver;

use octrls_core::{ErrorCode, network::Network};
use octrls_engine::{
    CorrectionOptions, Engine, EngineOptions, Event, History, Level, ModelFacts, Processor, Segmenter,
    SegmenterOptions, Totals,
};
use octrls_tui::{
    self as screen, Corrections, ScreenKind,
    dashboard::{DashboardOptions, TerminalSession},
};

use super::{
    arguments::queue::Queue,
    error::coded,
    exit_code::{HAD_TO_STOP, some_failed_if},
    limits,
    output::{error_line, run_screen, warn_no_dashboard},
    signals::on_signals,
};
use crate::service::{diagnostics, systemd};

use controls::HandleControls;
use queue::dispatch;

pub(crate) use dicom_peers::DicomPeers;
pub(crate) use services::Services;

/// Everything that a watcher runs with.
pub(crate) struct Watcher {
    pub(crate) options: EngineOptions,
    pub(crate) segmenter: SegmenterOptions,
    /// Measurements of earlier visits; `None` without follow-up.
    pub(crate) history: Option<Arc<History>>,
    pub(crate) screen: ScreenKind,
    pub(crate) dicom_peers: DicomPeers,
    pub(crate) services: Services,
    /// The queue of remote workers; `None` when this process segments the scans.
    pub(crate) queue: Option<Queue>,
    /// Whether the operator turned follow-up off.
    pub(crate) no_follow_up: bool,
}

impl Watcher {
    /// Runs until the engine has stopped; SIGTERM and Ctrl-C drain it. The exit code tells whether it had to stop,
    /// whether scans were quarantined or, with `--once`, whether scans or deliveries are left.
    pub(crate) fn run(self, network: Network, dashboard: &DashboardOptions) -> anyhow::Result<ExitCode> {
        // The dashboard owns the terminal.
        let dependencies = diagnostics::subscribe(self.screen != ScreenKind::Dashboard);
        let metadata = network.metadata();
        let model = ModelFacts { name: metadata.name.clone(), sha256: network.file_sha256().to_owned() };
        let gpu = network.clone();
        let corrections =
            Corrections { options: CorrectionOptions::of(&self.segmenter), history: self.history.clone() };
        // Received scans go to the first folder.
        let root = self.options.roots.first().cloned().unwrap_or_default();
        let (out, once) = (self.options.out.clone(), self.options.until_idle);
        let (processor, queue_messages) = if let Some(queue) = self.queue {
            let (processor, messages) = dispatch(&queue, &network, self.segmenter, &out, self.options.timeout)?;
            (processor, Some(messages))
        } else {
            let segmenter = Segmenter::new(network, self.segmenter, &out).with_history(self.history);
            (Arc::new(segmenter) as Arc<dyn Processor>, None)
        };
        let needed_files = limits::needed_files(self.options.workers, self.dicom_peers.max_associations());
        let processor = self.dicom_peers.wrap(processor);
        let (engine, events) = Engine::start(self.options, processor, model).map_err(|e| coded(e.code(), e))?;
        if let Some(messages) = queue_messages {
            messages.forward(engine.handle(), self.no_follow_up);
        }
        limits::check(needed_files, &engine.handle());
        let remote = engine.handle();
        gpu.on_gpu_failure(move |reason| {
            remote.notice(
                Level::Warning,
                Some(ErrorCode::ModelDevice),
                format!("the GPU failed, continuing on the CPU: {reason}"),
            );
        });
        let controls = HandleControls::new(engine.handle(), &out, corrections)?;
        let reloads = self.services.reloads();
        let relay = self.services.start(events, dependencies, &engine.handle(), &out, &controls)?;
        let peers = self.dicom_peers.start(&root, &out, &engine.handle())?;
        let (drain, abort) = ((engine.handle(), peers.stop()), (engine.handle(), peers.stop()));
        // Services read their settings again on SIGHUP. A dashboard ends with its terminal in any case.
        on_signals(
            !reloads,
            move || {
                drain.0.drain();
                drain.1.drain();
            },
            move || {
                abort.0.abort();
                abort.1.abort();
            },
        )?;
        systemd::ready();
        let is_broken = engine.broken();
        show(self.screen, &relay.events, &engine, controls, dashboard)?;
        let totals = engine.join();
        relay.finish();
        if once && totals == Totals::default() {
            error_line(format_args!("octrls: no scans found"));
        }
        let undelivered = peers.finish(once);
        if is_broken.load(Ordering::Relaxed) {
            return Ok(ExitCode::from(HAD_TO_STOP));
        }
        Ok(some_failed_if(totals.quarantined > 0 || (once && (undelivered > 0 || totals.left > 0))))
    }
}

fn show(
    kind: ScreenKind,
    events: &Receiver<Event>,
    engine: &Engine,
    controls: HandleControls,
    dashboard: &DashboardOptions,
) -> anyhow::Result<()> {
    if kind == ScreenKind::Dashboard {
        match TerminalSession::start() {
            Ok(terminal) => {
                terminal.run(events, &controls, dashboard)?;
                return Ok(());
            }
            Err(error) => warn_no_dashboard(&error),
        }
    }
    let events = events.clone();
    let lines = move |out| match kind {
        ScreenKind::Json => screen::json::run(&events, out, &controls),
        ScreenKind::Dashboard | ScreenKind::Plain => screen::plain::run(&events, out, &controls),
    };
    run_screen(lines, || engine.is_finished())?;
    Ok(())
}
