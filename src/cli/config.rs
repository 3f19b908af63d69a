//! `octrls config`: checks settings files and prints samples. Also loads the settings of `watch` and `worker`.

use octrls_core::ErrorCode;
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

/// Settings file of the service.
pub(super) const INSTALLED: &str = "/etc/octrls/octrls.toml";

/// Settings file of the worker service.
const INSTALLED_WORKER: &str = "/etc/octrls/worker.toml";

const WATCH: &str = "watch";
const WORKER: &str = "worker";

/// Option whose value may hold a password.
const SECRET: &str = "queue";

/// Options that the sample of `octrls watch` sets, and the commands that apply a change.
const SET: [(&str, &str); 2] = [("roots", "/srv/oct/in"), ("out", "/srv/oct/out")];
const AFTER: [&str; 2] =
    ["octrls config check FILE", "systemctl reload octrls     (or restart it: the log says which settings need that)"];

/// The same for `octrls worker`.
const SET_WORKER: [(&str, &str); 1] = [("scratch", "/var/cache/octrls-worker")];
const AFTER_WORKER: [&str; 2] = ["octrls config check --worker FILE", "systemctl restart octrls-worker"];

#[derive(Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a settings file and list what it sets
    Check {
        /// Settings file [default: the service's]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Check a file of `octrls worker` instead of `octrls watch`
        #[arg(long)]
        worker: bool,
    },
    /// Print a settings file with every option, its help and its default
    Sample {
        /// Print the sample for `octrls worker` instead of `octrls watch`
        #[arg(long)]
        worker: bool,
    },
}

pub(super) fn run(arguments: &ConfigArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        ConfigCommand::Check { file, worker: true } => {
            let file = file.as_deref().unwrap_or(Path::new(INSTALLED_WORKER));
            Ok(told(file, WORKER, check_worker(file)))
        }
        ConfigCommand::Check { file, .. } => {
            let file = file.as_deref().unwrap_or(Path::new(INSTALLED));
            Ok(told(file, WATCH, check(file)))
        }
        ConfigCommand::Sample { worker: true } => print(WORKER, &SET_WORKER, &AFTER_WORKER),
        ConfigCommand::Sample { .. } => print(WATCH, &SET, &AFTER),
    }
}

fn print(name: &str, set: &[(&str, &str)], after: &[&str]) -> anyhow::Result<ExitCode> {
    std::io::stdout().lock().write_all(text(name, set, after).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Checks a settings file of `octrls watch`; returns every option's value.
fn check(file: &Path) -> anyhow::Result<Values> {
    let (arguments, values) = load(file, &command_line(WATCH, file))?;
    // A wrong file that the settings name is an error of the settings, too.
    arguments.results.options()?;
    arguments.queue.queue()?;
    arguments.roots()?;
    Ok(values)
}

/// Checks a settings file of `octrls worker`; returns every option's value.
fn check_worker(file: &Path) -> anyhow::Result<Values> {
    let (arguments, values) = load_worker(file, &command_line(WORKER, file))?;
    arguments.server()?;
    Ok(values)
}

/// Prints what the settings in `file` of the command `name` set, or what is wrong with them.
fn told(file: &Path, name: &str, checked: anyhow::Result<Values>) -> ExitCode {
    match checked {
        Ok(values) => {
            println!("{} is valid. It sets:", file.display());
            let defaults = merge(&Arguments::command(), name, &command_line(name, file), "").map(|(_, values)| values);
            let defaults = defaults.unwrap_or_default();
            for (key, value) in values.iter().filter(|(key, value)| defaults.get(*key) != Some(value)) {
                let words: Vec<_> = value.iter().map(|v| v.to_string_lossy()).collect();
                let words = words.join(", ");
                let shown =
                    if key == SECRET && words.contains('@') { "(address with login, not shown)" } else { &words };
                println!("  {key} = {shown}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("octrls: {}", super::in_words(&error));
            ExitCode::from(WRONG_ARGUMENTS)
        }
    }
}

fn command_line(name: &str, file: &Path) -> Vec<OsString> {
    ["octrls", name, "--config"].map(OsString::from).into_iter().chain([file.into()]).collect()
}

/// Checks `text` as a settings file of `octrls watch`.
#[cfg(any(test, fuzzing))]
pub(super) fn try_text(text: &str) -> Result<(), ConfigError> {
    let (matches, _) = merge(&Arguments::command(), WATCH, &command_line(WATCH, Path::new("f")), text)?;
    Arguments::from_arg_matches(&matches).map(drop).map_err(|error| ConfigError::Together(error.to_string()))
}

/// The sample of a settings file for the command `name`.
fn text(name: &str, set: &[(&str, &str)], after: &[&str]) -> String {
    let mut top = Arguments::command();
    top.build();
    top.find_subcommand(name).map(|command| sample(command, set, after)).unwrap_or_default()
}

/// Merges the command line `arguments` with the watcher's settings in `file`; returns the arguments and all option
/// values.
///
/// # Errors
/// When the file cannot be read or is invalid; the first word is a stable code.
pub(super) fn load(file: &Path, arguments: &[OsString]) -> anyhow::Result<(WatchArguments, Values)> {
    match merged(file, WATCH, arguments)? {
        (Command::Watch(watch), values) => Ok((*watch, values)),
        _ => anyhow::bail!("E-CONFIG-TOGETHER: these are not arguments of octrls watch"),
    }
}

/// Merges the command line `arguments` with the worker's settings in `file`; returns the arguments and all option
/// values.
///
/// # Errors
/// As [`load`].
pub(super) fn load_worker(
    file: &Path,
    arguments: &[OsString],
) -> anyhow::Result<(super::worker::WorkerArguments, Values)> {
    match merged(file, WORKER, arguments)? {
        (Command::Worker(worker), values) => Ok((*worker, values)),
        _ => anyhow::bail!("E-CONFIG-TOGETHER: these are not arguments of octrls worker"),
    }
}

/// Merges the command line `arguments` of the command `name` with the settings in `file`.
fn merged(file: &Path, name: &str, arguments: &[OsString]) -> anyhow::Result<(Command, Values)> {
    let text = settings(file, ErrorCode::ConfigIo)?;
    let wrong = |error: ConfigError| {
        let code = error.code();
        anyhow::Error::new(error).context(file.display().to_string()).context(code)
    };
    let (matches, values) = merge(&Arguments::command(), name, arguments, &text).map_err(wrong)?;
    Ok((Arguments::from_arg_matches(&matches).context(ErrorCode::ConfigTogether)?.command, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command with a settings file.
    struct Sample {
        name: &'static str,
        /// The settings that the sample sets.
        folders: &'static str,
        text: String,
        /// Name of the packaged sample.
        packaged: &'static str,
    }

    impl Sample {
        fn all() -> Vec<Self> {
            let folders = "roots = ['/srv/oct/in']\nout = '/srv/oct/out'";
            vec![
                Self { name: WATCH, folders, text: text(WATCH, &SET, &AFTER), packaged: "octrls.toml" },
                Self {
                    name: WORKER,
                    folders: "scratch = '/var/cache/octrls-worker'",
                    text: text(WORKER, &SET_WORKER, &AFTER_WORKER),
                    packaged: "worker.toml",
                },
            ]
        }

        fn values(&self, text: &str) -> Values {
            merge(&Arguments::command(), self.name, &command_line(self.name, Path::new("f")), text).unwrap().1
        }

        /// The sample with every default uncommented.
        fn filled(&self) -> String {
            let uncommented = |line: &str| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') && !setting.contains('<') => setting.to_owned(),
                _ => line.to_owned(),
            };
            self.text.lines().map(uncommented).collect::<Vec<_>>().join("\n")
        }
    }

    #[test]
    fn the_sample_is_the_defaults_and_names_every_option() {
        for sample in Sample::all() {
            let set = sample.values(sample.folders);
            assert_eq!(sample.values(&sample.text), set);
            assert_eq!(sample.values(&sample.filled()), set);
            assert!(sample.filled().lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count() > 6);
            for key in set.keys() {
                let named = |line: &str| line.trim_start_matches('#').starts_with(&format!("{key} = "));
                assert!(sample.text.lines().any(named), "{key}");
            }
        }
    }

    #[test]
    fn the_packaged_sample_is_the_one_that_this_program_prints() {
        for Sample { name, text: printed, packaged, .. } in Sample::all() {
            let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(packaged);
            let packaged = std::fs::read_to_string(packaged).unwrap();
            let differs = packaged.lines().zip(printed.lines()).find(|(a, b)| a != b);
            assert!(packaged == printed, "{name}: regenerate the packaged sample as CONTRIBUTING.md says; {differs:?}");
        }
    }
}
