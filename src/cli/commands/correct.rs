//! `octrls correct`: corrects the lines of a result by those that were edited elsewhere.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;

use octrls_core::ErrorCode;
use octrls_engine::{AuditAction, AuditChange, CorrectionError, CorrectionOptions, Corrector, correct, edited_in_file};
use octrls_report::StoredResult;

use crate::cli::{
    arguments::{follow_up::FollowUpArguments, results::ResultArguments, screen::login_name},
    ledger::{open_ledger, record},
    output::{display_path, escaped},
};

#[derive(Args)]
pub(crate) struct CorrectArguments {
    /// The scan, as `octrls ls` prints it or as a file path
    #[arg(value_name = "SCAN")]
    scan: PathBuf,
    /// The edited lines: its whole boundaries.csv; or for some of its B-scans polygons of makesense.ai (VGG JSON), an
    /// index mask (PNG, as mask.png), or a label image of ITK-SNAP (.nii, .nii.gz)
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Results folder of the watcher
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Your name [default: that of the login]
    #[arg(long, value_name = "NAME")]
    reviewer: Option<String>,
    /// Why the lines are corrected
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    #[command(flatten)]
    results: ResultArguments,
    #[command(flatten)]
    follow_up: FollowUpArguments,
}

pub(super) fn run(arguments: &CorrectArguments) -> anyhow::Result<ExitCode> {
    let mut ledger = open_ledger(&arguments.out)?;
    let out = arguments.out.canonicalize().context(ErrorCode::Ledger)?;
    let options = arguments.results.options()?;
    let options = CorrectionOptions::of(&options);
    let history = arguments.follow_up.history(&out)?;
    let path = ledger.below_root(&arguments.scan);
    let reviewer = arguments.reviewer.clone().or_else(login_name).unwrap_or_default();
    let who = Corrector { reviewer: &reviewer, comment: &arguments.comment };
    let edit = |result: &StoredResult| edited_in_file(result, &arguments.from);
    let corrected = correct((&out, &mut ledger), &path, edit, who, &options, history.as_deref());
    let corrected = corrected.map_err(|error| {
        let code = error.code();
        let in_table = matches!(error, CorrectionError::Table(_));
        let error = anyhow::Error::new(error);
        let error = if in_table { error.context(arguments.from.display().to_string()) } else { error };
        error.context(code)
    })?;
    let change = AuditChange {
        action: AuditAction::Lines,
        subject: &display_path(&path),
        before: None,
        after: Some(&corrected.words),
    };
    record(&out, &change)?;
    println!("{}  {}", escaped(&display_path(&path)), corrected.words);
    println!("results are in {}", corrected.summary.out.display());
    Ok(ExitCode::SUCCESS)
}
