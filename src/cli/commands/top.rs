//! `octrls top`: attaches a screen to a running watcher.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use octrls_tui::{
    self as screen, ScreenKind,
    attach::{Attached, socket_of},
    dashboard::{DashboardOptions, TerminalSession},
    json::JsonLines,
    plain::PlainLines,
};

use crate::cli::{
    arguments::screen::{ImageArguments, asked_screen},
    error::coded,
    output::warn_no_dashboard,
};

/// Socket of the service.
const INSTALLED_SOCKET: &str = "/run/octrls/octrls.sock";

#[derive(Args)]
pub(crate) struct TopArguments {
    /// Socket of a running `octrls watch`, or its results folder
    #[arg(value_name = "SOCKET|DIR", default_value = INSTALLED_SOCKET)]
    socket: PathBuf,
    /// Print one line per change instead of the dashboard
    #[arg(long, conflicts_with = "json")]
    plain: bool,
    /// Print one JSON object per event instead of the dashboard
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    image: ImageArguments,
}

pub(super) fn run(arguments: &TopArguments) -> anyhow::Result<ExitCode> {
    let socket = socket(&arguments.socket);
    let attached = Attached::connect(&socket).map_err(|e| coded(e.code(), e))?;
    match screen::choose(asked_screen(arguments.plain, arguments.json)) {
        ScreenKind::Dashboard => match TerminalSession::take() {
            Ok(terminal) => {
                let options = DashboardOptions::new(arguments.image.image);
                terminal.attached(attached.so_far.clone()).run(&attached.events, attached.line(), options)?;
            }
            Err(error) => {
                warn_no_dashboard(&error);
                print_lines(&attached, ScreenKind::Plain)?;
            }
        },
        kind => print_lines(&attached, kind)?,
    }
    attached.leave().map_err(|e| coded(e.code(), e))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the current status and then every event. A closed output ends this command, not the watcher.
fn print_lines(attached: &Attached, kind: ScreenKind) -> io::Result<()> {
    let out = io::stdout().lock();
    let mut events = attached.so_far.recap().into_iter().chain(attached.events.iter());
    let written = if kind == ScreenKind::Json {
        let mut lines = JsonLines::new(out);
        events.try_for_each(|event| lines.event(&event))
    } else {
        let mut lines = PlainLines::new(out);
        events.try_for_each(|event| lines.event(&event))
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The socket at `path`, or that of the results folder `path`.
fn socket(path: &Path) -> PathBuf {
    if path.is_dir() { socket_of(path) } else { path.to_owned() }
}
