//! The command line.
//!
//! Imports go one way: `commands` use the `watcher` and `settings`, these use the `arguments`, and all use the
//! small helpers beside them. Each command is a module with a `run` function that returns the exit code.

mod arguments;
mod commands;
mod error;
mod exit_code;
mod files;
mod ledger;
mod limits;
mod output;
mod settings;
mod signals;
mod watcher;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};

use commands::Command;
use error::one_line;
use output::error_line;

const FIRST_STEPS: &str = "\
First steps:
  octrls demo                                  See the dashboard with synthetic scans
  octrls segment scan.vol                      Segment one scan
  octrls doctor /srv/oct/in                    Check a folder before you watch it
  octrls watch /srv/oct/in --out /srv/oct/out  Segment every scan that arrives";

/// Segment retinal layers in OCT scans and measure their thickness. Research use only; not a medical device.
#[derive(Parser)]
#[command(name = "octrls", version, max_term_width = 100, after_help = FIRST_STEPS)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// Runs the command that `arguments` name; the first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| eprintln!("octrls: {}", octrls_engine::describe_panic(panic))));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match CommandLine::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    parsed.command.run(arguments, CommandLine::command()).unwrap_or_else(|error| {
        error_line(format_args!("octrls: {}", one_line(&error)));
        ExitCode::from(exit_code::NOT_STARTED)
    })
}

/// Checks `text` as a settings file of `octrls watch`.
///
/// # Errors
/// The stable code and the reason when it is invalid.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_settings_text(text: &str) -> Result<(), (octrls_core::ErrorCode, String)> {
    settings::check_text(text).map_err(|error| (error.code(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_option_and_command_has_help() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&CommandLine::command());
    }
}
