//! `octrls config`: settings files checked, and one to begin with; and how a watcher reads its own.

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, CommandFactory, FromArgMatches, Subcommand};

use super::{
    WRONG_ARGUMENTS,
    args::{Arguments, Command, WatchArguments, settings},
};
use crate::config::{ConfigError, Values, merge, sample};

/// Where the service has its settings.
pub(super) const INSTALLED: &str = "/etc/octrls/octrls.toml";

/// Name of the command whose options they are.
const WATCH: &str = "watch";

/// Name of the command of a worker, which has a settings file, too.
#[cfg(feature = "fleet")]
const WORKER: &str = "worker";

/// The option whose value may hold a password.
const SECRET: &str = "queue";

/// What the sample sets.
const SET: [(&str, &str); 2] = [("roots", "/srv/oct/in"), ("out", "/srv/oct/out")];

#[derive(Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Tell whether a settings file of `octrls watch` is right, and what it sets
    Check {
        /// The file
        #[arg(value_name = "FILE", default_value = INSTALLED)]
        file: PathBuf,
    },
    /// Print a settings file with every option, its explanation and its default
    Sample,
}

pub(super) fn run(arguments: &ConfigArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        ConfigCommand::Check { file } => Ok(check(file)),
        ConfigCommand::Sample => {
            std::io::stdout().lock().write_all(text().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(file: &Path) -> ExitCode {
    let checked = load(file, &command_line(file)).and_then(|(arguments, values)| {
        // The files that it names are part of it.
        arguments.results.options()?;
        arguments.queue.queue()?;
        arguments.roots()?;
        Ok(values)
    });
    match checked {
        Ok(values) => {
            println!("{} is right. It sets:", file.display());
            let defaults = merge(&Arguments::command(), WATCH, &command_line(file), "").map(|(_, values)| values);
            let defaults = defaults.unwrap_or_default();
            for (key, value) in values.iter().filter(|(key, value)| defaults.get(*key) != Some(value)) {
                let words: Vec<_> = value.iter().map(|v| v.to_string_lossy()).collect();
                let words = words.join(", ");
                let shown = if key == SECRET && words.contains('@') { "(an address with a login)" } else { &words };
                println!("  {key} = {shown}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("octrls: {error:#}");
            ExitCode::from(WRONG_ARGUMENTS)
        }
    }
}

fn command_line(file: &Path) -> Vec<OsString> {
    ["octrls", WATCH, "--config"].map(OsString::from).into_iter().chain([file.into()]).collect()
}

/// Whether `text` would do as a settings file.
#[cfg(all(unix, any(test, fuzzing)))]
pub(super) fn try_text(text: &str) -> Result<(), ConfigError> {
    let (matches, _) = merge(&Arguments::command(), WATCH, &command_line(Path::new("f")), text)?;
    Arguments::from_arg_matches(&matches).map(drop).map_err(|error| ConfigError::Together(error.to_string()))
}

/// The sample.
fn text() -> String {
    let mut top = Arguments::command();
    top.build();
    top.find_subcommand(WATCH).map(|watch| sample(watch, &SET)).unwrap_or_default()
}

/// The arguments of the watcher that the command line `arguments` and the settings in `file` make together, and every
/// option's value.
///
/// # Errors
/// When the file cannot be read or is wrong; the first word is a stable code.
pub(super) fn load(file: &Path, arguments: &[OsString]) -> anyhow::Result<(WatchArguments, Values)> {
    match merged(file, WATCH, arguments)? {
        (Command::Watch(watch), values) => Ok((*watch, values)),
        _ => anyhow::bail!("E-CONFIG-TOGETHER: not the arguments of a watcher"),
    }
}

/// The arguments of the worker that the command line `arguments` and the settings in `file` make together.
///
/// # Errors
/// As [`load`].
#[cfg(feature = "fleet")]
pub(super) fn load_worker(file: &Path, arguments: &[OsString]) -> anyhow::Result<super::worker::WorkerArguments> {
    match merged(file, WORKER, arguments)?.0 {
        Command::Worker(worker) => Ok(*worker),
        _ => anyhow::bail!("E-CONFIG-TOGETHER: not the arguments of a worker"),
    }
}

/// The command `name` that the command line `arguments` and the settings in `file` make together.
fn merged(file: &Path, name: &str, arguments: &[OsString]) -> anyhow::Result<(Command, Values)> {
    let text = settings(file, "E-CONFIG-IO")?;
    let wrong = |error: ConfigError| {
        let code = error.code();
        anyhow::Error::new(error).context(file.display().to_string()).context(code)
    };
    let (matches, values) = merge(&Arguments::command(), name, arguments, &text).map_err(wrong)?;
    Ok((Arguments::from_arg_matches(&matches).context("E-CONFIG-TOGETHER")?.command, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Values {
        merge(&Arguments::command(), WATCH, &command_line(Path::new("f")), text).unwrap().1
    }

    /// The sample with every default in force.
    fn filled() -> String {
        let uncommented = |line: &str| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') && !setting.contains('<') => setting.to_owned(),
            _ => line.to_owned(),
        };
        text().lines().map(uncommented).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_sample_is_the_defaults_and_names_every_option() {
        let folders = "roots = ['/srv/oct/in']\nout = '/srv/oct/out'";
        assert_eq!(values(&text()), values(folders));
        assert_eq!(values(&filled()), values(folders));
        assert!(filled().lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count() > 15);
        for key in values(folders).keys() {
            let named = |line: &str| line.trim_start_matches('#').starts_with(&format!("{key} = "));
            assert!(text().lines().any(named), "{key}");
        }
    }

    #[test]
    fn the_packaged_sample_is_the_one_that_this_program_prints() {
        let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/octrls.toml");
        let packaged = std::fs::read_to_string(packaged).unwrap();
        let printed = text();
        let differs = packaged.lines().zip(printed.lines()).find(|(a, b)| a != b);
        assert!(packaged == printed, "octrls config sample >packaging/octrls.toml; {differs:?}");
    }
}
