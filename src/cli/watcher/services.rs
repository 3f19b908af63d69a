//! The services around a watcher: attach socket, log, metrics, systemd, and reloading the settings.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use crossbeam_channel::Receiver;

use octrls_core::ErrorCode;
use octrls_engine::{EngineHandle, Event, EventSink, Level};
use octrls_tui::attach::AttachServer;

use super::{controls::HandleControls, reload::Reload, settings_audit::record_settings};
use crate::{
    cli::{arguments::service::ServiceArguments, settings::LoadedSettings},
    config::Values,
    metrics::{Health, Metrics, TextFile, serve},
    service::{HookOptions, Log, LogOptions, Relay, ResultHook, Slot, Systemd},
};

/// The services of a watcher, before they are started.
#[derive(Default)]
pub(crate) struct Services {
    /// `None` with `--no-socket`.
    socket: Option<PathBuf>,
    log: Option<LogOptions>,
    metrics: Option<SocketAddr>,
    metrics_file: Option<PathBuf>,
    result_hook: Option<HookOptions>,
    /// The value of every option.
    values: Values,
    settings: Option<LoadedSettings>,
}

impl Services {
    /// The services that the arguments ask for, and what is done for each result; `out` is the results folder.
    pub(crate) fn new(
        arguments: &ServiceArguments,
        result_hook: Option<HookOptions>,
        out: &Path,
        values: Values,
        settings: Option<LoadedSettings>,
    ) -> Self {
        Self {
            socket: arguments.socket(out),
            log: arguments.log(),
            metrics: arguments.metrics,
            metrics_file: arguments.metrics_file.clone(),
            result_hook,
            values,
            settings,
        }
    }

    /// Whether a settings file is read again on SIGHUP.
    pub(super) const fn reloads(&self) -> bool {
        self.settings.is_some()
    }

    /// Starts the services for `engine`, which sends `events`; screens elsewhere act through `controls`. `dependencies` are messages of dependencies for the
    /// log. A service that cannot start is reported and left out.
    pub(super) fn start(
        self,
        events: Receiver<Event>,
        dependencies: Receiver<Event>,
        engine: &EngineHandle,
        out: &Path,
        controls: &HandleControls,
    ) -> anyhow::Result<Relay> {
        record_settings(engine, out, &self.values);
        let mut sinks: Vec<(Slot, Box<dyn EventSink>)> = Vec::new();
        if let Some(path) = &self.socket {
            attach(path, engine, controls.clone(), &mut sinks);
        }
        if let Some(options) = self.log.clone() {
            sinks.push((Slot::Log, Box::new(Log::new(options, engine.clone(), dependencies.clone()))));
        }
        let metrics = Metrics::new(out.to_owned()).context(ErrorCode::Metrics)?;
        sinks.push((Slot::Metrics, Box::new(metrics.sink())));
        if let Some(address) = self.metrics {
            let health = Health { metrics: metrics.clone(), engine: engine.clone() };
            match serve(address, health) {
                Ok(address) => engine.notice(Level::Info, None, format!("metrics at http://{address}/metrics")),
                Err(error) => {
                    let text = format!("cannot serve metrics at http://{address}/metrics: {error}");
                    engine.notice(Level::Error, Some(ErrorCode::Metrics), text);
                }
            }
        }
        if let Some(path) = self.metrics_file.clone() {
            sinks.push((Slot::MetricsFile, Box::new(TextFile::new(path, metrics.clone(), engine.clone()))));
        }
        if let Some(options) = self.result_hook {
            let remote = engine.clone();
            let hook = ResultHook::start(options, move |code, text| remote.notice(Level::Warning, Some(code), text))?;
            sinks.push((Slot::ResultHook, Box::new(hook)));
        }
        let watched = engine.clone();
        if let Some(systemd) = Systemd::start(move |limit| watched.is_alive(limit))? {
            sinks.push((Slot::Systemd, Box::new(systemd)));
        }
        let (relay, switch) = Relay::start(events, sinks)?;
        if let Some(settings) = self.settings {
            let (log, metrics_file) = (self.log, self.metrics_file);
            let (engine, out) = (engine.clone(), out.to_owned());
            Reload { settings, engine, out, switch, metrics, dependencies, log, metrics_file }.start()?;
        }
        Ok(relay)
    }
}

fn attach(path: &Path, engine: &EngineHandle, controls: HandleControls, sinks: &mut Vec<(Slot, Box<dyn EventSink>)>) {
    match AttachServer::open(path, controls) {
        Ok(hub) => sinks.push((Slot::Attach, Box::new(hub))),
        Err(error) => engine.notice(Level::Warning, Some(error.code()), error.to_string()),
    }
}
