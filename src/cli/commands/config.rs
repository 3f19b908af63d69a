//! `octrls config`: checks settings files and prints samples.

use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use crate::{
    cli::{
        error::one_line,
        exit_code::INVALID_ARGUMENTS,
        output::{allow_closed_pipe, error_line, line},
        settings::{Configurable, load_watch, load_worker},
    },
    config::{Values, sample},
};

/// Option whose value may hold a password.
const SECRET: &str = "queue";

#[derive(Args)]
pub(crate) struct ConfigArguments {
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
    let command = |worker| if worker { Configurable::Worker } else { Configurable::Watch };
    match &arguments.command {
        ConfigCommand::Check { file, worker } => {
            let command = command(*worker);
            Ok(check(command, file.as_deref().unwrap_or(command.installed_file())))
        }
        ConfigCommand::Sample { worker } => {
            allow_closed_pipe(stdout().lock().write_all(sample_text(command(*worker)).as_bytes()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what the settings in `file` set, or what is wrong with them.
fn check(command: Configurable, file: &Path) -> ExitCode {
    match valid_values(command, file) {
        Ok(values) => {
            drop(line(format_args!("{} is valid. It sets:", file.display())));
            let defaults = command.merge(&command.command_line(file), "").map(|(_, values)| values).unwrap_or_default();
            for (key, value) in values.iter().filter(|(key, value)| defaults.get(*key) != Some(value)) {
                let shown: Vec<_> = value.iter().map(|v| v.to_string_lossy()).collect();
                let shown = shown.join(", ");
                let hidden = key == SECRET && shown.contains('@');
                let shown = if hidden { "(address with login, not shown)" } else { &shown };
                drop(line(format_args!("  {key} = {shown}")));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            error_line(format_args!("octrls: {}", one_line(&error)));
            ExitCode::from(INVALID_ARGUMENTS)
        }
    }
}

/// The value of every option, if the settings file and the files that it names are valid.
fn valid_values(command: Configurable, file: &Path) -> anyhow::Result<Values> {
    let command_line = command.command_line(file);
    match command {
        Configurable::Watch => {
            let (arguments, values) = load_watch(file, &command_line)?;
            arguments.results.options()?;
            arguments.queue.queue()?;
            arguments.roots()?;
            Ok(values)
        }
        Configurable::Worker => {
            let (arguments, values) = load_worker(file, &command_line)?;
            arguments.server()?;
            Ok(values)
        }
    }
}

/// The sample of a settings file.
fn sample_text(command: Configurable) -> String {
    // The options that the sample sets, and the commands that apply a change.
    let (set, apply): (&[_], [&str; 2]) = match command {
        Configurable::Watch => (
            &[("roots", "/srv/oct/in"), ("out", "/srv/oct/out")],
            [
                "octrls config check FILE",
                "systemctl reload octrls     (or restart it: the log says which settings need that)",
            ],
        ),
        Configurable::Worker => (
            &[("scratch", "/var/cache/octrls-worker")],
            ["octrls config check --worker FILE", "systemctl restart octrls-worker"],
        ),
    };
    let mut program = command.program();
    program.build();
    program.find_subcommand(command.name()).map(|command| sample(command, set, &apply)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command with a settings file.
    struct Sample {
        command: Configurable,
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
                Self {
                    command: Configurable::Watch,
                    folders,
                    text: sample_text(Configurable::Watch),
                    packaged: "octrls.toml",
                },
                Self {
                    command: Configurable::Worker,
                    folders: "scratch = '/var/cache/octrls-worker'",
                    text: sample_text(Configurable::Worker),
                    packaged: "worker.toml",
                },
            ]
        }

        fn values(&self, text: &str) -> Values {
            self.command.merge(&self.command.command_line(Path::new("f")), text).unwrap().1
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
        for Sample { command, text: printed, packaged, .. } in Sample::all() {
            let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(packaged);
            let packaged = std::fs::read_to_string(packaged).unwrap();
            let differs = packaged.lines().zip(printed.lines()).find(|(a, b)| a != b);
            assert!(
                packaged == printed,
                "{command:?}: regenerate the packaged sample as CONTRIBUTING.md says; {differs:?}"
            );
        }
    }
}
