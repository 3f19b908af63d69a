//! `octrls forget`: takes patients out of the history of eyes.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{SOME_FAILED, coded, follow_up::published};
use crate::scan::{self, ReadOptions};

#[derive(Args)]
pub(super) struct ForgetArguments {
    /// Scans of the patients
    #[arg(required = true, value_name = "FILE")]
    scans: Vec<PathBuf>,
    /// Result folder of the watcher whose ledger is to forget them
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Of files that hold several series of B-scans, take this one; 1 is the first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    series: Option<u32>,
}

pub(super) fn run(arguments: &ForgetArguments) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(arguments.out.is_dir(), "E-OUT-IO: there is no folder {}", arguments.out.display());
    let history = published(&arguments.out)?;
    let options = ReadOptions { series: arguments.series, allow_missing: true, ..ReadOptions::default() };
    let mut failed = false;
    for path in &arguments.scans {
        match scan::open(path, options).and_then(|mut reader| reader.subject()) {
            Ok(Some(subject)) => {
                let count = history.forget(&subject).map_err(|e| coded(e.code(), e))?;
                println!("{}  {count} scans forgotten", path.display());
            }
            Ok(None) => {
                failed = true;
                eprintln!("{}  the file does not say whose eye it is", path.display());
            }
            Err(error) => {
                failed = true;
                eprintln!("{}  {}: {error}", path.display(), error.code());
            }
        }
    }
    Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}
