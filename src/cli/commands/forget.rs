//! `octrls forget`: deletes patients from the history of eyes.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use octrls_core::{ErrorCode, scan::Subject};
use octrls_engine::{AuditAction, AuditChange};
use octrls_readers::{OpenedScan, ReadError, ReadOptions, ScanFiles};

use crate::cli::{
    arguments::{follow_up::history_of, ledger::ResultsFolderArguments},
    error::coded,
    exit_code::some_failed_if,
    ledger::record,
    output::{counted, error_line, file_error_line, line},
};

#[derive(Args)]
pub(crate) struct ForgetArguments {
    /// Scans of the patients to delete
    #[arg(required = true, value_name = "FILE")]
    scans: Vec<PathBuf>,
    #[command(flatten)]
    results: ResultsFolderArguments,
}

pub(super) fn run(arguments: &ForgetArguments) -> anyhow::Result<ExitCode> {
    let out = arguments.results.folder()?;
    anyhow::ensure!(out.is_dir(), "{}: folder {} does not exist", ErrorCode::OutIo, out.display());
    let history = history_of(&out)?;
    let mut failed = false;
    for path in &arguments.scans {
        match subjects(path) {
            Ok(subjects) if !subjects.is_empty() => {
                let mut count = 0;
                for subject in &subjects {
                    count += history.forget(subject).map_err(|e| coded(e.code(), e))?;
                }
                let after = counted(count, "scan");
                // Neither the patient nor the path of the scan, which may name the patient.
                let (action, subject) = (AuditAction::Forget, "a patient");
                let change = AuditChange { action, subject, before: Some(&after), after: None };
                record(&out, &change)?;
                line(format_args!("{}  {} deleted from the history", path.display(), counted(count, "scan")))?;
            }
            Ok(_) => {
                failed = true;
                error_line(format_args!("{}  the file does not identify the patient or the eye", path.display()));
            }
            Err(error) => {
                failed = true;
                file_error_line(path, error.code(), &error);
            }
        }
    }
    Ok(some_failed_if(failed))
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
