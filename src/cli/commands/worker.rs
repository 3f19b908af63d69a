//! `octrls worker`: segments scans for watchers on other machines.

use std::{
    ffi::OsString,
    io,
    process::ExitCode,
    sync::{Arc, OnceLock},
    thread,
};

use crossbeam_channel::unbounded;

use octrls_core::ErrorCode;
use octrls_engine::{EventSink, ScanId};
use octrls_fleet::{
    Link, Notifier,
    worker::{self, WorkerHandle},
};
use octrls_tui::{self as screen, Controls};

use crate::{
    cli::{
        arguments::worker::WorkerArguments,
        error::{coded, one_line},
        exit_code::{INVALID_ARGUMENTS, some_failed_if},
        output::{error_line, run_screen},
        settings::load_worker,
        signals::on_signals,
    },
    service::{Relay, Slot, Systemd, diagnostics, systemd},
};

/// Runs the command; `command_line` is merged with the settings file.
pub(super) fn run(arguments: &WorkerArguments, command_line: &[OsString]) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.config else { return work(arguments) };
    let loaded = load_worker(file, command_line).and_then(|(arguments, _)| {
        arguments.queue_url()?;
        Ok(arguments)
    });
    match loaded {
        Ok(arguments) => work(&arguments),
        Err(error) => {
            error_line(format_args!("octrls: {}", one_line(&error)));
            Ok(ExitCode::from(INVALID_ARGUMENTS))
        }
    }
}

fn work(arguments: &WorkerArguments) -> anyhow::Result<ExitCode> {
    let server = arguments.server()?;
    let network = arguments.model.load()?;
    let options = arguments.options();
    // A worker has no log file.
    drop(diagnostics::subscribe(true));
    let link = Link::open(&server, Notifier::default()).map_err(|e| coded(e.code(), e))?;
    let (sender, events) = unbounded();
    let stops = WorkerHandle::default();
    let (relay, _) = Relay::start(events, sinks(&stops)?)?;
    let (drain, abort) = (stops.clone(), stops.clone());
    on_signals(true, move || drain.drain(), move || abort.abort())?;
    let result = Arc::new(OnceLock::new());
    let (job_stops, slot) = (stops.clone(), Arc::clone(&result));
    let working = thread::Builder::new().name("octrls-worker".to_owned()).spawn(move || {
        let _ = slot.set(worker::run(link, network, options, job_stops, sender));
    })?;
    systemd::ready();
    let controls = WorkerControls(stops);
    let (events, as_json) = (relay.events.clone(), arguments.json);
    let lines = move |out| {
        if as_json { screen::json::run(&events, out, &controls) } else { screen::plain::run(&events, out, &controls) }
    };
    run_screen(lines, || working.is_finished())?;
    let _ = working.join();
    relay.finish();
    match Arc::into_inner(result).and_then(OnceLock::into_inner) {
        Some(Ok(totals)) => Ok(some_failed_if(totals.quarantined > 0)),
        Some(Err(error)) => Err(coded(error.code(), error)),
        None => anyhow::bail!("{}: internal error: the worker stopped unexpectedly", ErrorCode::Panic),
    }
}

/// The readers of events besides the screen.
fn sinks(stops: &WorkerHandle) -> io::Result<Vec<(Slot, Box<dyn EventSink>)>> {
    let stops = stops.clone();
    let systemd = Systemd::start(move |_| stops.is_alive())?;
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

    fn change_ledger(&self, _: octrls_tui::LedgerChange) {}
}
