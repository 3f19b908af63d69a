//! `octrls man`: writes a man page for every command.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;

use octrls_core::ErrorCode;

#[derive(Args)]
pub(crate) struct ManArguments {
    /// Existing folder to write to
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &ManArguments, program: Command) -> anyhow::Result<ExitCode> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    write_pages(&program, &arguments.folder)
        .with_context(|| format!("{}: cannot write man pages to {}", ErrorCode::OutIo, arguments.folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of `command` and of each command below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, folder)?;
    }
    let source = concat!("octrls ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("octrls manual").generate_to(folder).map(drop)
}
