//! `octrls man`: writes a man page for every command.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Command};

use octrls_core::ErrorCode;

#[derive(Args)]
pub(crate) struct ManArguments {
    /// Existing folder to write to
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &ManArguments, program: Command) -> anyhow::Result<ExitCode> {
    clap_mangen::generate_to(program.disable_help_subcommand(true), &arguments.folder)
        .with_context(|| format!("{}: cannot write man pages to {}", ErrorCode::OutIo, arguments.folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
