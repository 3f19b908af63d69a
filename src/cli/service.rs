//! The services around a watcher: attach socket, log, metrics, systemd, and reloading the settings.

use octrls_core::ErrorCode;
use std::{
    env,
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::Context;
use crossbeam_channel::Receiver;

use super::{args::WatchArguments, config};
use crate::{
    config::Values,
    metrics::{Health, Metrics, TextFile, serve},
    service::{Log, LogOptions, Relay, Slot, Switch},
};
use octrls_engine::EventSink;
use octrls_engine::{EngineHandle, Event, Level, Tuning};

/// Settings that a reload applies at once; all others need a restart.
const LIVE: [&str; 7] = ["attempts", "log", "log_format", "log_keep", "log_max_mib", "metrics_file", "stable"];

/// The services of a watcher, before they are started.
#[derive(Default)]
pub(super) struct Service {
    /// `None` with `--no-socket`.
    socket: Option<PathBuf>,
    log: Option<LogOptions>,
    metrics: Option<SocketAddr>,
    metrics_file: Option<PathBuf>,
    settings: Option<Reader>,
}

/// The settings file, the command line, and the values that both gave last.
pub(super) struct Reader {
    pub(super) file: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) values: Values,
}

impl Service {
    /// The services that the arguments ask for; `out` is the results folder.
    pub(super) fn new(arguments: &WatchArguments, out: &Path, settings: Option<Reader>) -> Self {
        let service = &arguments.service;
        let socket = (!service.no_socket).then(|| socket(arguments, out));
        Self {
            socket,
            log: service.log(),
            metrics: service.metrics,
            metrics_file: service.metrics_file.clone(),
            settings,
        }
    }

    /// Starts the services for the engine of `remote`, which sends `events`. A service that cannot start is reported
    /// and left out.
    pub(super) fn start(self, events: Receiver<Event>, remote: &EngineHandle, out: &Path) -> anyhow::Result<Relay> {
        let mut sinks: Vec<(Slot, Box<dyn EventSink>)> = Vec::new();
        if let Some(path) = &self.socket {
            attach(path, remote, &mut sinks);
        }
        if let Some(options) = self.log.clone() {
            sinks.push((Slot::Log, Box::new(Log::new(options, remote.clone()))));
        }
        let figures = Metrics::new(out.to_owned()).context(ErrorCode::Metrics)?;
        sinks.push((Slot::Metrics, Box::new(figures.keeper())));
        if let Some(address) = self.metrics {
            let health = Health { figures: figures.clone(), remote: remote.clone() };
            match serve(address, health) {
                Ok(address) => remote.notice(Level::Info, None, format!("metrics at http://{address}/metrics")),
                Err(error) => {
                    let text = format!("cannot serve metrics at http://{address}/metrics: {error}");
                    remote.notice(Level::Error, Some(ErrorCode::Metrics), text);
                }
            }
        }
        if let Some(path) = self.metrics_file.clone() {
            sinks.push((Slot::MetricsFile, Box::new(TextFile::new(path, figures.clone(), remote.clone()))));
        }
        let asked = remote.clone();
        if let Some(systemd) = crate::service::Systemd::start(move |patience| asked.is_alive(patience))? {
            sinks.push((Slot::Systemd, Box::new(systemd)));
        }
        let (relay, switch) = Relay::start(events, sinks)?;
        if let Some(reader) = self.settings {
            let (log, metrics_file) = (self.log, self.metrics_file);
            Reload { reader, remote: remote.clone(), switch, figures, log, metrics_file }.start()?;
        }
        Ok(relay)
    }
}

/// The attach socket of the watcher with results in `out`.
pub(super) fn socket(arguments: &WatchArguments, out: &Path) -> PathBuf {
    arguments.service.socket.clone().unwrap_or_else(|| default_socket(out))
}

fn default_socket(out: &Path) -> PathBuf {
    // systemd creates it for `RuntimeDirectory=` and may list several.
    let runtime = env::var("RUNTIME_DIRECTORY").ok();
    let runtime = runtime.as_deref().and_then(|folders| folders.split(':').next()).filter(|folder| !folder.is_empty());
    runtime.map_or_else(|| super::top::socket_of(out), |folder| Path::new(folder).join(super::top::SOCKET))
}

fn attach(path: &Path, remote: &EngineHandle, sinks: &mut Vec<(Slot, Box<dyn EventSink>)>) {
    use octrls_tui::attach::AttachServer;

    match AttachServer::open(path, super::watch::EngineControls(remote.clone())) {
        Ok(server) => sinks.push((Slot::Attach, Box::new(server))),
        Err(error) => remote.notice(Level::Warning, Some(error.code()), error.to_string()),
    }
}

/// Reloads the settings on SIGHUP.
struct Reload {
    reader: Reader,
    remote: EngineHandle,
    switch: Switch,
    figures: Metrics,
    log: Option<LogOptions>,
    metrics_file: Option<PathBuf>,
}

impl Reload {
    /// Starts the thread that waits for SIGHUP.
    fn start(mut self) -> io::Result<()> {
        let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGHUP])?;
        let work = move || {
            for _ in signals.forever() {
                crate::service::reload(|| self.again());
            }
        };
        thread::Builder::new().name("octrls-reload".to_owned()).spawn(work).map(drop)
    }

    fn again(&mut self) {
        match config::load(&self.reader.file, &self.reader.arguments) {
            Ok((arguments, values)) => self.take(&arguments, values),
            Err(error) => {
                let text = format!("settings not reloaded: {}", super::in_words(&error));
                self.remote.notice(Level::Warning, Some(ErrorCode::Config), text);
            }
        }
    }

    fn take(&mut self, arguments: &WatchArguments, values: Values) {
        let old = &mut self.reader.values;
        let changed = values.into_iter().filter(|(key, value)| old.get(key) != Some(value));
        let (live, later): (Values, Values) = changed.partition(|(key, _)| LIVE.contains(&key.as_str()));
        let names = |values: &Values| values.keys().cloned().collect::<Vec<_>>().join(", ");
        let now = format!("changed: {}", names(&live));
        let then = format!("needs a restart: {}", names(&later));
        let (level, told) = match (live.is_empty(), later.is_empty()) {
            (true, true) => (Level::Info, "nothing changed".to_owned()),
            (false, true) => (Level::Info, now),
            (true, false) => (Level::Warning, then),
            (false, false) => (Level::Warning, format!("{now}; {then}")),
        };
        // Settings that need a restart stay different, so that every reload reports them again.
        old.extend(live);
        self.remote.tune(tuning(arguments));
        self.replace(arguments);
        self.remote.notice(level, None, format!("settings reloaded; {told}"));
    }

    fn replace(&mut self, arguments: &WatchArguments) {
        let log = arguments.service.log();
        // Reopen the log even when nothing changed: logrotate may have moved the file.
        let sink = log.clone().map(|options| Box::new(Log::new(options, self.remote.clone())) as Box<dyn EventSink>);
        if sink.is_some() || self.log.is_some() {
            self.switch.put(Slot::Log, sink);
        }
        self.log = log;
        if arguments.service.metrics_file != self.metrics_file {
            self.metrics_file.clone_from(&arguments.service.metrics_file);
            let sink = self.metrics_file.clone().map(|path| {
                Box::new(TextFile::new(path, self.figures.clone(), self.remote.clone())) as Box<dyn EventSink>
            });
            self.switch.put(Slot::MetricsFile, sink);
        }
    }
}

/// The engine settings that can change while it runs.
pub(super) fn tuning(arguments: &WatchArguments) -> Tuning {
    Tuning { stability: Duration::from_secs_f64(arguments.stable), attempts: arguments.attempts }
}
