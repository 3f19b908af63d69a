//! `octrls export`: the A-scans of many results in one table.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use walkdir::WalkDir;

use super::{SOME_FAILED, coded};
use crate::{
    durable::{sync_folder, unfinished_file},
    output::{Export, ExportError, is_result},
};

#[derive(Args)]
pub(super) struct ExportArguments {
    /// File to write
    #[arg(long, value_name = "FILE")]
    parquet: PathBuf,
    /// Result folders, or folders to search for them
    #[arg(required = true, value_name = "DIR")]
    inputs: Vec<PathBuf>,
}

pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let mut results = BTreeSet::new();
    for input in &arguments.inputs {
        // What the engine keeps, and what is not finished, has a hidden name.
        let hidden = |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(".octrls"));
        for entry in WalkDir::new(input).into_iter().filter_entry(|e| !hidden(e.path())) {
            let entry = entry.with_context(|| format!("E-READ-IO: cannot search {}", input.display()))?;
            if entry.file_type().is_dir() && is_result(entry.path()) {
                results.insert(entry.into_path());
            }
        }
    }
    anyhow::ensure!(!results.is_empty(), "E-ARGS-EMPTY: no results found");
    let folder = arguments.parquet.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let text = || format!("E-OUT-IO: cannot write {}", arguments.parquet.display());
    let file = unfinished_file(folder, ".octrls-").with_context(text)?;
    let failed = |e: ExportError| coded(e.code(), e);
    let mut export = Export::begin(file).map_err(failed)?;
    let (mut ascans, mut broken) = (0, 0);
    for result in &results {
        match export.add(result) {
            Ok(count) => ascans += count,
            Err(error @ ExportError::Result { .. }) => {
                broken += 1;
                eprintln!("{}: {error}", error.code());
            }
            Err(error) => return Err(failed(error)),
        }
    }
    let file = export.finish().map_err(failed)?;
    file.as_file().sync_all().with_context(text)?;
    file.persist(&arguments.parquet).with_context(text)?;
    sync_folder(folder).with_context(text)?;
    println!("{ascans} A-scans of {} results", results.len() - broken);
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}
