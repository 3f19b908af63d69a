//! The command line: one module and one `run` function per command, which returns the exit code.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | success |
//! | 1 | some scans or files failed; the others are done |
//! | 2 | invalid arguments or settings |
//! | 3 | the command could not start: no model, no folder, no permission, no node |

mod args;
mod config;
mod demo;
mod dicom_peers;
mod doctor;
mod export;
mod follow_up;
mod forget;
mod limits;
mod ls;
mod model;
mod node_args;
mod phantom;
mod quarantine;
mod queue;
mod receive;
mod redo;
mod segment;
mod send;
mod service;
mod service_args;
mod top;
mod watch;
mod worker;

use octrls_core::ErrorCode;
use std::{ffi::OsString, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use signal_hook::consts::TERM_SIGNALS;

use args::{Arguments, Command, ModelArguments};
use octrls_core::network::{ModelError, Network, ShippedModel};
use octrls_engine::LedgerAdmin;

/// Exit code: some scans or files failed.
const SOME_FAILED: u8 = 1;
/// Exit code: invalid arguments or settings.
const WRONG_ARGUMENTS: u8 = 2;
/// Exit code: the command could not start.
const NOT_STARTED: u8 = 3;

/// Runs the command that `arguments` name; the first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&line) {
        Ok(arguments) => arguments,
        Err(e) => e.exit(),
    };
    let result = match arguments.command {
        Command::Config(a) => config::run(&a),
        Command::Demo(a) => demo::run(&a),
        Command::Doctor(a) => Ok(doctor::run(&a)),
        Command::Export(a) => export::run(&a),
        Command::Forget(a) => forget::run(&a),
        Command::Ls(a) => ls::run(&a),
        Command::Redo(a) => redo::run(&a),
        Command::Quarantine(a) => quarantine::run(&a),
        Command::Segment(a) => segment::run(&a),
        Command::Top(a) => top::run(&a),
        Command::Watch(a) => watch::run(&a, line),
        Command::Worker(a) => worker::run(&a, &line),
        Command::Phantom(a) => phantom::run(&a),
        Command::Receive(a) => receive::run(&a),
        Command::Send(a) => send::run(&a),
        Command::Model(a) => model::run(&a),
    };
    result.unwrap_or_else(|error| {
        eprintln!("octrls: {}", in_words(&error));
        ExitCode::from(NOT_STARTED)
    })
}

/// Checks `text` as a settings file of `octrls watch`.
///
/// # Errors
/// The stable code and the reason when it is invalid.
#[cfg(any(test, fuzzing))]
pub(crate) fn try_settings(text: &str) -> Result<(), (octrls_core::ErrorCode, String)> {
    config::try_text(text).map_err(|error| (error.code(), error.to_string()))
}

/// Loads the model that the arguments name, which is a shipped one or a file.
fn load_network(arguments: &ModelArguments) -> anyhow::Result<Network> {
    let network = network(arguments).map_err(|e| coded(e.code(), e))?;
    if let Some(reason) = network.gpu_error() {
        eprintln!("octrls: {}", on_cpu(reason));
    }
    Ok(network)
}

fn network(arguments: &ModelArguments) -> Result<Network, ModelError> {
    let shipped = arguments.model.to_str().and_then(ShippedModel::by_name);
    let device = arguments.device;
    shipped.map_or_else(|| Network::load_on(&arguments.model, device), |model| Network::shipped_on(model, device))
}

/// The message that the CPU is used because the GPU cannot be.
fn on_cpu(reason: &str) -> String {
    format!("E-MODEL-DEVICE: using the CPU, because the GPU cannot be used: {reason}")
}

/// An error and its causes in one line, without causes that the error before already states.
fn in_words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Puts its stable code in front of an error.
fn coded(code: ErrorCode, error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error).context(code.to_string())
}

/// Calls `first` at the first termination signal (SIGTERM, Ctrl-C) and `second` at the next.
fn on_signals(first: impl FnOnce() + Send + 'static, second: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new(TERM_SIGNALS)?;
    std::thread::Builder::new().name("octrls-signals".to_owned()).spawn(move || {
        let mut received = signals.forever();
        if received.next().is_some() {
            first();
        }
        if received.next().is_some() {
            second();
        }
    })?;
    Ok(())
}

/// Default number of scans to process at once: one per core.
fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Opens the ledger and the quarantine of the results folder `out`.
fn steward(out: &std::path::Path) -> anyhow::Result<LedgerAdmin> {
    LedgerAdmin::open(out).map_err(|e| coded(e.code(), e))
}

/// A path as it is printed, with `/` on every system.
fn printed(path: &std::path::Path) -> String {
    octrls_tui::display_path(path)
}

/// Text that is safe to print on a terminal: quoted and escaped if it has control characters, as file names may.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(char::is_control) { format!("{text:?}").into() } else { text.into() }
}

/// The result of printing, where a closed pipe counts as success.
fn unless_unread(printed: std::io::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Creates a folder and its parents.
fn make_folder(path: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("E-OUT-IO: cannot create folder {}", path.display()))
}
