//! `octrls top`: attaches a screen to a running watcher.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use octrls_tui::{
    ScreenKind,
    attach::{AttachClient, socket_of},
    dashboard::TerminalSession,
    json::JsonLines,
    plain::PlainLines,
};

use crate::cli::{
    arguments::screen::{ScreenArguments, asked_screen},
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
    screen: ScreenArguments,
}

pub(super) fn run(arguments: &TopArguments) -> anyhow::Result<ExitCode> {
    let socket = socket(&arguments.socket);
    let client = AttachClient::connect(&socket).map_err(|e| coded(e.code(), e))?;
    match ScreenKind::select(asked_screen(arguments.plain, arguments.json)) {
        ScreenKind::Dashboard => match TerminalSession::start() {
            Ok(terminal) => {
                terminal.attached(client.model.clone()).run(
                    &client.events,
                    client.controls(),
                    &arguments.screen.options(),
                )?;
            }
            Err(error) => {
                warn_no_dashboard(&error);
                print_lines(&client, ScreenKind::Plain)?;
            }
        },
        kind => print_lines(&client, kind)?,
    }
    client.close().map_err(|e| coded(e.code(), e))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the current status and then every event. A closed output ends this command, not the watcher.
fn print_lines(client: &AttachClient, kind: ScreenKind) -> io::Result<()> {
    let out = io::stdout().lock();
    let mut events = client.model.catch_up_events().into_iter().chain(client.events.iter());
    let written = if kind == ScreenKind::Json {
        let mut lines = JsonLines::new(out);
        events.try_for_each(|event| lines.write_event(&event))
    } else {
        let mut lines = PlainLines::new(out);
        events.try_for_each(|event| lines.write_event(&event))
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
