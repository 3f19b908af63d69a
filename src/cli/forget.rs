//! `octrls forget`: deletes patients from the history of eyes.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{SOME_FAILED, coded, follow_up::published};
use octrls_core::scan::Subject;
use octrls_readers::{OpenedScan, ReadError, ReadOptions, ScanFiles};

#[derive(Args)]
pub(super) struct ForgetArguments {
    /// Scans of the patients to delete
    #[arg(required = true, value_name = "FILE")]
    scans: Vec<PathBuf>,
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: &ForgetArguments) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(arguments.out.is_dir(), "E-OUT-IO: folder {} does not exist", arguments.out.display());
    let history = published(&arguments.out)?;
    let mut failed = false;
    for path in &arguments.scans {
        match subjects(path) {
            Ok(subjects) if !subjects.is_empty() => {
                let mut count = 0;
                for subject in &subjects {
                    count += history.forget(subject).map_err(|e| coded(e.code(), e))?;
                }
                println!("{}  {count} scans deleted from the history", path.display());
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
    Ok(if failed { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}

/// The eyes that the series of a file show.
fn subjects(path: &Path) -> Result<Vec<Subject>, ReadError> {
    let scan = OpenedScan::open(&ScanFiles::one(path))?;
    let count = scan.series_count();
    let mut found = Vec::new();
    for number in 1..=count {
        let series = (count > 1).then_some(number);
        let options = ReadOptions { series, allow_missing: true, ..ReadOptions::default() };
        found.extend(scan.reader(options)?.subject()?);
    }
    Ok(found)
}
