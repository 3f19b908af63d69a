//! Loads the arguments of `watch` and `worker` from the command line and a settings file.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use octrls_core::ErrorCode;

use super::{
    arguments::{watch::WatchArguments, worker::WorkerArguments},
    files::read_text,
};
use crate::config::{ConfigError, Values, merge};

/// A command that reads a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configurable {
    /// `octrls watch`.
    Watch,
    /// `octrls worker`.
    Worker,
}

impl Configurable {
    /// The name of the command.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Worker => "worker",
        }
    }

    /// The settings file of the installed service.
    pub(crate) fn installed_file(self) -> &'static Path {
        Path::new(match self {
            Self::Watch => "/etc/octrls/octrls.toml",
            Self::Worker => "/etc/octrls/worker.toml",
        })
    }

    /// The command line `octrls NAME --config FILE`.
    pub(crate) fn command_line(self, file: &Path) -> Vec<OsString> {
        ["octrls", self.name(), "--config"].map(OsString::from).into_iter().chain([file.into()]).collect()
    }

    /// The program with only this command.
    pub(crate) fn program(self) -> Command {
        let command = Command::new(self.name());
        let command = match self {
            Self::Watch => WatchArguments::augment_args(command),
            Self::Worker => WorkerArguments::augment_args(command),
        };
        Command::new("octrls").subcommand_required(true).subcommand(command)
    }

    /// Merges the command line `arguments` with the text of a settings file; returns the matches of the command and
    /// the value of every option.
    ///
    /// # Errors
    /// When the text is invalid or conflicts with the command line.
    pub(crate) fn merge(self, arguments: &[OsString], text: &str) -> Result<(ArgMatches, Values), ConfigError> {
        let (mut matches, values) = merge(&self.program(), self.name(), arguments, text)?;
        let matches = matches.remove_subcommand().map(|(_, matches)| matches).unwrap_or_default();
        Ok((matches, values))
    }
}

/// The settings file and the command line of a running watcher, and the values of both when they were last read.
pub(crate) struct LoadedSettings {
    pub(crate) file: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) values: Values,
}

/// Merges the command line `arguments` with the watcher's settings in `file`; returns the arguments and all option
/// values.
///
/// # Errors
/// When the file cannot be read or is invalid; the first word is a stable code.
pub(crate) fn load_watch(file: &Path, arguments: &[OsString]) -> anyhow::Result<(WatchArguments, Values)> {
    load(Configurable::Watch, file, arguments)
}

/// Merges the command line `arguments` with the worker's settings in `file`; returns the arguments and all option
/// values.
///
/// # Errors
/// As [`load_watch`].
pub(crate) fn load_worker(file: &Path, arguments: &[OsString]) -> anyhow::Result<(WorkerArguments, Values)> {
    load(Configurable::Worker, file, arguments)
}

fn load<T: FromArgMatches>(command: Configurable, file: &Path, arguments: &[OsString]) -> anyhow::Result<(T, Values)> {
    let text = read_text(file, ErrorCode::ConfigIo)?;
    let (matches, values) = command.merge(arguments, &text).map_err(|error| {
        let code = error.code();
        anyhow::Error::new(error).context(file.display().to_string()).context(code)
    })?;
    Ok((T::from_arg_matches(&matches).context(ErrorCode::ConfigTogether)?, values))
}

/// Parses the arguments of `octrls watch` from a command line without a settings file.
///
/// # Errors
/// When the command line is invalid.
pub(crate) fn parse_watch(arguments: &[OsString]) -> Result<WatchArguments, clap::Error> {
    let matches = Configurable::Watch.program().try_get_matches_from(arguments)?;
    matches
        .subcommand()
        .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))
        .and_then(|(_, matches)| WatchArguments::from_arg_matches(matches))
}

/// Checks `text` as a settings file of `octrls watch`.
///
/// # Errors
/// When it is invalid.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_text(text: &str) -> Result<(), ConfigError> {
    let command = Configurable::Watch;
    let (matches, _) = command.merge(&command.command_line(Path::new("f")), text)?;
    WatchArguments::from_arg_matches(&matches).map(drop).map_err(|error| ConfigError::Together(error.to_string()))
}
