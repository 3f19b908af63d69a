//! Reloads the settings of a running watcher on SIGHUP.

use std::{io, path::PathBuf, thread};

use crossbeam_channel::Receiver;
use signal_hook::{consts::SIGHUP, iterator::Signals};

use octrls_core::ErrorCode;
use octrls_engine::{EngineHandle, Event, EventSink, Level};

use super::settings_audit::record_settings;
use crate::{
    cli::{
        arguments::watch::WatchArguments,
        error::one_line,
        settings::{LoadedSettings, load_watch},
    },
    config::Values,
    metrics::{Metrics, TextFile},
    service::{Log, LogOptions, Slot, Switch, systemd},
};

/// Settings that a reload applies at once; all others need a restart.
const LIVE: [&str; 7] = ["attempts", "log", "log_format", "log_keep", "log_max_mib", "metrics_file", "stable"];

/// Reloads the settings on SIGHUP.
pub(super) struct Reload {
    pub(super) settings: LoadedSettings,
    pub(super) engine: EngineHandle,
    /// Folder of all results.
    pub(super) out: PathBuf,
    pub(super) switch: Switch,
    pub(super) metrics: Metrics,
    /// Messages of dependencies for the log.
    pub(super) dependencies: Receiver<Event>,
    /// Present options of the log.
    pub(super) log: Option<LogOptions>,
    /// Present path of the metrics file.
    pub(super) metrics_file: Option<PathBuf>,
}

impl Reload {
    /// Starts the thread that waits for SIGHUP.
    pub(super) fn start(mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGHUP])?;
        let work = move || {
            for _ in signals.forever() {
                systemd::reload(|| self.reload());
            }
        };
        thread::Builder::new().name("octrls-reload".to_owned()).spawn(work).map(drop)
    }

    fn reload(&mut self) {
        match load_watch(&self.settings.file, &self.settings.arguments) {
            Ok((arguments, values)) => self.apply(&arguments, values),
            Err(error) => {
                let text = format!("settings not reloaded: {}", one_line(&error));
                self.engine.notice(Level::Warning, Some(ErrorCode::Config), text);
            }
        }
    }

    fn apply(&mut self, arguments: &WatchArguments, values: Values) {
        let old = &mut self.settings.values;
        let changed = values.into_iter().filter(|(key, value)| old.get(key) != Some(value));
        let (live, restart): (Values, Values) = changed.partition(|(key, _)| LIVE.contains(&key.as_str()));
        let names = |values: &Values| values.keys().cloned().collect::<Vec<_>>().join(", ");
        let applied = format!("changed: {}", names(&live));
        let postponed = format!("needs a restart: {}", names(&restart));
        let (level, summary) = match (live.is_empty(), restart.is_empty()) {
            (true, true) => (Level::Info, "nothing changed".to_owned()),
            (false, true) => (Level::Info, applied),
            (true, false) => (Level::Warning, postponed),
            (false, false) => (Level::Warning, format!("{applied}; {postponed}")),
        };
        // Settings that need a restart stay different, so that every reload reports them again.
        old.extend(live);
        record_settings(&self.engine, &self.out, old);
        self.engine.tune(arguments.tuning());
        self.replace_sinks(arguments);
        self.engine.notice(level, None, format!("settings reloaded; {summary}"));
    }

    fn replace_sinks(&mut self, arguments: &WatchArguments) {
        let log = arguments.service.log();
        // Reopen the log even when nothing changed: logrotate may have moved the file.
        let sink = log.clone().map(|options| {
            Box::new(Log::new(options, self.engine.clone(), self.dependencies.clone())) as Box<dyn EventSink>
        });
        if sink.is_some() || self.log.is_some() {
            self.switch.put(Slot::Log, sink);
        }
        self.log = log;
        if arguments.service.metrics_file != self.metrics_file {
            self.metrics_file.clone_from(&arguments.service.metrics_file);
            let sink = self.metrics_file.clone().map(|path| {
                Box::new(TextFile::new(path, self.metrics.clone(), self.engine.clone())) as Box<dyn EventSink>
            });
            self.switch.put(Slot::MetricsFile, sink);
        }
    }
}
