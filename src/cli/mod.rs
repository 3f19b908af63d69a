//! The command line: arguments in, one function a command, an exit code out.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | everything asked for was done |
//! | 1 | some scans or files failed; the others are done |
//! | 2 | the arguments are wrong |
//! | 3 | nothing could be started: no model, no folder, no permission, no node |

mod args;
mod config;
mod demo;
mod doctor;
mod export;
mod follow_up;
mod forget;
mod limits;
mod ls;
mod model;
mod neighbours;
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

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use signal_hook::consts::TERM_SIGNALS;

use args::{Arguments, Command, ModelArguments};
use octrls_core::network::{ModelError, Network, ShippedModel};
use octrls_engine::Steward;

/// Some scans or files failed.
const SOME_FAILED: u8 = 1;
/// The arguments are wrong.
const WRONG_ARGUMENTS: u8 = 2;
/// Nothing could be started.
const NOT_STARTED: u8 = 3;

/// Runs the command that `arguments` name, the program's own name first.
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
        eprintln!("octrls: {error:#}");
        ExitCode::from(NOT_STARTED)
    })
}

/// Whether `text` would do as a settings file of `octrls watch`; if not, the code and the reason.
#[cfg(any(test, fuzzing))]
pub(crate) fn try_settings(text: &str) -> Result<(), (&'static str, String)> {
    config::try_text(text).map_err(|error| (error.code(), error.to_string()))
}

/// The model that the arguments name: one that this build carries, or a file.
fn load_network(arguments: &ModelArguments) -> anyhow::Result<Network> {
    let network = network(arguments).map_err(|e| coded(e.code(), e))?;
    if let Some(reason) = network.no_gpu() {
        eprintln!("octrls: {}", on_cpu(reason));
    }
    Ok(network)
}

fn network(arguments: &ModelArguments) -> Result<Network, ModelError> {
    let shipped = arguments.model.to_str().and_then(ShippedModel::by_name);
    let device = arguments.device;
    shipped.map_or_else(|| Network::load_on(&arguments.model, device), |model| Network::shipped_on(model, device))
}

/// What an operator is told of a GPU that cannot be used, behind the code.
fn on_cpu(reason: &str) -> String {
    format!("E-MODEL-DEVICE: the CPU computes, since the GPU cannot be used: {reason}")
}

/// An error with its stable code in front.
fn coded(code: &str, error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error).context(code.to_owned())
}

/// Calls `first` at the first signal to end, and `second` at the next.
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

/// Scans to work on at once when nobody says: one a core.
fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The ledger and the quarantine of the folder for results `out`.
fn steward(out: &std::path::Path) -> anyhow::Result<Steward> {
    Steward::open(out).map_err(|e| coded(e.code(), e))
}

/// A path as it is printed: with `/` on every system.
fn printed(path: &std::path::Path) -> String {
    octrls_tui::printed(path)
}

/// Text for a person's terminal: in quotes, with escapes, where a file's name would steer it or begin a line.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(char::is_control) { format!("{text:?}").into() } else { text.into() }
}

/// What came of printing; a reader that has seen enough is no failure.
fn unless_unread(printed: std::io::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it.
fn make_folder(path: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("E-OUT-IO: cannot make the folder {}", path.display()))
}
