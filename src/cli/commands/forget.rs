//! `octrls forget`: deletes patients from the history of eyes.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use octrls_core::{ErrorCode, scan::Subject};
use octrls_readers::{self as readers, ReadError, ReadOptions};

use crate::cli::{arguments::follow_up::history_of, error::coded, exit_code::some_failed_if, output::counted};

#[derive(Args)]
pub(crate) struct ForgetArguments {
    /// Scans of the patients to delete
    #[arg(required = true, value_name = "FILE")]
    scans: Vec<PathBuf>,
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: &ForgetArguments) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(arguments.out.is_dir(), "{}: folder {} does not exist", ErrorCode::OutIo, arguments.out.display());
    let history = history_of(&arguments.out)?;
    let mut failed = false;
    for path in &arguments.scans {
        match subjects(path) {
            Ok(subjects) if !subjects.is_empty() => {
                let mut count = 0;
                for subject in &subjects {
                    count += history.forget(subject).map_err(|e| coded(e.code(), e))?;
                }
                println!("{}  {} deleted from the history", path.display(), counted(count, "scan"));
            }
            Ok(_) => {
                failed = true;
                eprintln!("{}  the file does not identify the patient or the eye", path.display());
            }
            Err(error) => {
                failed = true;
                eprintln!("{}  {}: {error}", path.display(), error.code());
            }
        }
    }
    Ok(some_failed_if(failed))
}

/// The eyes that the series of a file show.
fn subjects(path: &Path) -> Result<Vec<Subject>, ReadError> {
    let count = readers::series(path)?;
    let mut found = Vec::new();
    for number in 1..=count {
        let series = (count > 1).then_some(number);
        let options = ReadOptions { series, allow_missing: true, ..ReadOptions::default() };
        found.extend(readers::open(path, options)?.subject()?);
    }
    Ok(found)
}
