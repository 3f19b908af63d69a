//! `octrls export`: combines many results into one file, also while a watcher runs.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use walkdir::WalkDir;

use super::{SOME_FAILED, printed};
use crate::cli::coded;
use octrls_fs::durable::{sync_folder, unfinished_file};
use octrls_report::RESULT_FILE;
use octrls_report::{Export, ExportError, is_result};

#[derive(Args)]
pub(super) struct ExportArguments {
    /// Write a Parquet file with one row per A-scan: boundaries and thickness
    #[arg(long, value_name = "FILE", conflicts_with = "json", required_unless_present = "json")]
    parquet: Option<PathBuf>,
    /// Write a file with one JSON line per result: its folder and result.json; `-` for standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Result folders, or folders to search for results
    #[arg(required = true, value_name = "DIR")]
    inputs: Vec<PathBuf>,
}

pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    if let Some(file) = &arguments.parquet {
        return tables(file, &folders(&arguments.inputs, &is_result)?);
    }
    let has_result = |folder: &Path| folder.join(RESULT_FILE).is_file();
    let results = folders(&arguments.inputs, &has_result)?;
    let target = arguments.json.as_deref().filter(|file| *file != Path::new("-"));
    let Some(file) = target else {
        let mut out = BufWriter::new(stdout().lock());
        let mut broken = 0;
        let printed = lines(&mut out, &results, &mut broken).and_then(|()| out.flush());
        super::unless_unread(printed)?;
        return Ok(verdict(broken));
    };
    let mut broken = 0;
    write(file, |staged| {
        let mut out = BufWriter::new(staged);
        lines(&mut out, &results, &mut broken)?;
        out.flush()
    })?;
    println!("exported {} results", results.len() - broken);
    Ok(verdict(broken))
}

fn verdict(broken: usize) -> ExitCode {
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) }
}

/// Finds the result folders in `inputs`.
fn folders(inputs: &[PathBuf], is_result: &dyn Fn(&Path) -> bool) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut results = BTreeSet::new();
    for input in inputs {
        // The engine's own files and unfinished results have hidden names.
        let hidden = |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(".octrls"));
        for entry in WalkDir::new(input).into_iter().filter_entry(|e| !hidden(e.path())) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() && is_result(entry.path()) => {
                    results.insert(entry.into_path());
                }
                // A running watcher may replace a folder during the search.
                Err(error) if error.depth() > 0 && is_missing(error.io_error()) => {}
                other => {
                    other.with_context(|| format!("E-READ-IO: cannot search {}", input.display()))?;
                }
            }
        }
    }
    anyhow::ensure!(!results.is_empty(), "E-ARGS-EMPTY: no results found");
    Ok(results)
}

fn is_missing(error: Option<&std::io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Writes each `result.json` as one line; counts the unreadable ones in `broken`.
fn lines(out: &mut impl Write, results: &BTreeSet<PathBuf>, broken: &mut usize) -> std::io::Result<()> {
    for folder in results {
        let read = fs::read(folder.join(RESULT_FILE)).map_err(|e| e.to_string());
        match read.and_then(|text| serde_json::from_slice::<Value>(&text).map_err(|e| e.to_string())) {
            Ok(result) => writeln!(out, "{}", json!({ "folder": printed(folder), "result": result }))?,
            Err(error) => {
                *broken += 1;
                eprintln!("E-EXPORT-RESULT: cannot read {}: {error}", folder.display());
            }
        }
    }
    Ok(())
}

/// Writes `file` atomically: fills a temporary file and renames it.
fn write(file: &Path, fill: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> anyhow::Result<()> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let text = || format!("E-OUT-IO: cannot write {}", file.display());
    let mut staged = unfinished_file(folder, ".octrls-").with_context(text)?;
    fill(staged.as_file_mut()).with_context(text)?;
    staged.as_file().sync_all().with_context(text)?;
    staged.persist(file).with_context(text)?;
    sync_folder(folder).with_context(text)
}

fn tables(target: &Path, results: &BTreeSet<PathBuf>) -> anyhow::Result<ExitCode> {
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let text = || format!("E-OUT-IO: cannot write {}", target.display());
    let file = unfinished_file(folder, ".octrls-").with_context(text)?;
    let failed = |e: ExportError| coded(e.code(), e);
    let mut export = Export::begin(file).map_err(failed)?;
    let (mut ascans, mut broken) = (0, 0);
    for result in results {
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
    file.persist(target).with_context(text)?;
    sync_folder(folder).with_context(text)?;
    println!("exported {ascans} A-scans of {} results", results.len() - broken);
    Ok(verdict(broken))
}
