//! `octrls completions`: prints the completions of a shell.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::cli::output::allow_closed_pipe;

#[derive(Args)]
pub(crate) struct CompletionsArguments {
    /// Shell
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments, mut program: Command) -> anyhow::Result<ExitCode> {
    // The generator panics if it cannot write, so it writes to memory.
    let mut script = Vec::new();
    let name = program.get_name().to_owned();
    generate(arguments.shell, &mut program, name, &mut script);
    allow_closed_pipe(stdout().lock().write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}
