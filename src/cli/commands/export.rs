//! `octrls export`: combines many results into one file, also while a watcher runs.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use walkdir::WalkDir;

use octrls_core::ErrorCode;
use octrls_engine::{REVIEW_FILE, TrainingSet, TrainingSetCounts, TrainingSetError};
use octrls_fs::durable::{sync_folder, unfinished_file};
use octrls_report::{ContactSheet, Export, ExportError, FhirBundle, RESULT_FILE, is_result, patient_identity};

use super::export_eyes::EyeExport;
use crate::cli::{
    error::coded,
    exit_code::some_failed_if,
    output::{allow_closed_pipe, counted, display_path, display_paths, error_line},
};

#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("format").required(true).args(["csv", "fhir", "html", "parquet", "json", "training"])))]
pub(crate) struct ExportArguments {
    /// Write a CSV file with one row per scan of an eye: visit, quality, thickness by subfield, lesions
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a FHIR R4 bundle: a DiagnosticReport for each result, with an Observation for each value
    #[arg(long, value_name = "FILE")]
    fhir: Option<PathBuf>,
    /// Write a web page that shows every result: a picture with eye, date, verdict, findings and links; offline, no scripts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a Parquet file with one row per A-scan: boundaries and thickness
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Write a file with one JSON line per result: its folder, result.json and reviews; `-` for standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the accepted and corrected scans as a data set for training, with patients under pseudonyms, into this new
    /// folder
    #[arg(long, value_name = "DIR")]
    training: Option<PathBuf>,
    /// With --csv: also write the columns as a data dictionary that REDCap imports
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fhir", "html", "json", "parquet", "training"])]
    dictionary: Option<PathBuf>,
    /// With --csv and --fhir: add patient ID and its issuer, as far as DICOM results state them; with --csv also the
    /// scan's path
    #[arg(long, conflicts_with_all = ["html", "json", "parquet", "training"])]
    identify: bool,
    /// With --csv: keep running, and write the file again whenever results change
    #[arg(long, conflicts_with_all = ["fhir", "html", "json", "parquet", "training"])]
    follow: bool,
    /// Result folders, or folders to search for results; with --training, results folders of watchers
    #[arg(required = true, value_name = "DIR")]
    inputs: Vec<PathBuf>,
}

pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    if let Some(file) = &arguments.csv {
        let ExportArguments { dictionary, identify, follow, inputs, .. } = arguments;
        return EyeExport::new(file, inputs, *identify).run(dictionary.as_deref(), *follow);
    }
    if let Some(file) = &arguments.fhir {
        return write_bundle(file, &find_results(&arguments.inputs, &is_result)?, arguments.identify);
    }
    if let Some(folder) = &arguments.training {
        return write_training_set(folder, &arguments.inputs);
    }
    if let Some(file) = &arguments.html {
        return write_page(file, &find_results(&arguments.inputs, &is_result)?);
    }
    if let Some(file) = &arguments.parquet {
        return write_table(file, &find_results(&arguments.inputs, &is_result)?);
    }
    let has_result = |folder: &Path| folder.join(RESULT_FILE).is_file();
    let results = find_results(&arguments.inputs, &has_result)?;
    let target = arguments.json.as_deref().filter(|file| *file != Path::new("-"));
    let Some(file) = target else {
        let mut out = BufWriter::new(stdout().lock());
        let mut unreadable = 0;
        let printed = write_lines(&mut out, &results, &mut unreadable).and_then(|()| out.flush());
        allow_closed_pipe(printed)?;
        return Ok(some_failed_if(unreadable > 0));
    };
    let mut unreadable = 0;
    write_atomically(file, |staged| {
        let mut out = BufWriter::new(staged);
        write_lines(&mut out, &results, &mut unreadable)?;
        out.flush()
    })?;
    println!("exported {}", counted(results.len() - unreadable, "result"));
    Ok(some_failed_if(unreadable > 0))
}

/// Writes the reviewed scans of the results folders `outs` of watchers as a data set.
fn write_training_set(folder: &Path, outs: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let failed = |error: TrainingSetError| coded(error.code(), error);
    let mut set = TrainingSet::begin(folder).map_err(failed)?;
    let mut skipped = 0;
    for out in outs {
        let tell = &mut |scan: &Path, reason: &str| {
            skipped += 1;
            error_line(format_args!("octrls: {} is left out: {reason}", display_path(scan)));
        };
        set.add(out, tell).map_err(failed)?;
    }
    let TrainingSetCounts { scans, bscans, patients: [train, val, test] } = set.finish().map_err(failed)?;
    anyhow::ensure!(scans > 0, "{}: no scan is accepted or corrected", ErrorCode::ArgsEmpty);
    println!(
        "exported {} of {}: patients for training {train}, validation {val}, test {test}",
        counted(bscans, "B-scan"),
        counted(scans, "scan")
    );
    if val == 0 {
        println!("training needs at least two patients: one is held out to validate");
    }
    Ok(some_failed_if(skipped > 0))
}

/// Finds the result folders in `inputs`; there must be some.
fn find_results(inputs: &[PathBuf], is_result: &dyn Fn(&Path) -> bool) -> anyhow::Result<BTreeSet<PathBuf>> {
    let results = search(inputs, is_result)?;
    anyhow::ensure!(!results.is_empty(), "{}: no results found in {}", ErrorCode::ArgsEmpty, display_paths(inputs));
    Ok(results)
}

/// Finds the result folders in `inputs`.
pub(super) fn search(inputs: &[PathBuf], is_result: &dyn Fn(&Path) -> bool) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut results = BTreeSet::new();
    for input in inputs {
        fs::metadata(input).with_context(|| format!("{}: cannot read {}", ErrorCode::ReadIo, input.display()))?;
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
                    other.with_context(|| format!("{}: cannot search {}", ErrorCode::ReadIo, input.display()))?;
                }
            }
        }
    }
    Ok(results)
}

fn is_missing(error: Option<&std::io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Writes each `result.json` as one line; counts the unreadable ones in `unreadable`.
fn write_lines(out: &mut impl Write, results: &BTreeSet<PathBuf>, unreadable: &mut usize) -> std::io::Result<()> {
    for folder in results {
        let read = fs::read(folder.join(RESULT_FILE)).map_err(|e| e.to_string());
        match read.and_then(|text| serde_json::from_slice::<Value>(&text).map_err(|e| e.to_string())) {
            Ok(result) => {
                let mut line = json!({ "folder": display_path(folder), "result": result });
                if let Some(review) = read_review(folder) {
                    line["review"] = review;
                }
                writeln!(out, "{line}")?;
            }
            Err(error) => {
                *unreadable += 1;
                error_line(format_args!("{}: cannot read {}: {error}", ErrorCode::ExportResult, folder.display()));
            }
        }
    }
    Ok(())
}

/// What persons said of the result in `folder`, if anything.
fn read_review(folder: &Path) -> Option<Value> {
    fs::read(folder.join(REVIEW_FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok())
}

/// Writes `file` atomically: fills a temporary file and renames it.
pub(super) fn write_atomically(
    file: &Path,
    fill: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("{}: cannot write {}", ErrorCode::OutIo, file.display());
    let mut staged = unfinished_file(folder, ".octrls-").with_context(failed)?;
    fill(staged.as_file_mut()).with_context(failed)?;
    staged.as_file().sync_all().with_context(failed)?;
    staged.persist(file).with_context(failed)?;
    sync_folder(folder).with_context(failed)
}

fn write_page(target: &Path, results: &BTreeSet<PathBuf>) -> anyhow::Result<ExitCode> {
    let (mut page, mut unreadable) = (ContactSheet::new(target.parent().unwrap_or(Path::new("."))), 0);
    for folder in results {
        if let Err(error) = page.add(folder) {
            unreadable += 1;
            error_line(format_args!("{}: {error}", error.code()));
        }
    }
    write_atomically(target, |file| file.write_all(page.html().as_bytes()))?;
    println!("exported {}", counted(results.len() - unreadable, "result"));
    Ok(some_failed_if(unreadable > 0))
}

fn write_bundle(target: &Path, results: &BTreeSet<PathBuf>, identify: bool) -> anyhow::Result<ExitCode> {
    let (mut bundle, mut unreadable) = (FhirBundle::default(), 0);
    for folder in results {
        let patient = if identify { patient_identity(folder) } else { None };
        if let Err(error) = bundle.add(folder, patient.as_ref()) {
            unreadable += 1;
            eprintln!("{}: {error}", error.code());
        }
    }
    let text = serde_json::to_vec_pretty(&bundle.into_json())?;
    write_atomically(target, |staged| staged.write_all(&text))?;
    println!("exported {}", counted(results.len() - unreadable, "result"));
    Ok(some_failed_if(unreadable > 0))
}

fn write_table(target: &Path, results: &BTreeSet<PathBuf>) -> anyhow::Result<ExitCode> {
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("{}: cannot write {}", ErrorCode::OutIo, target.display());
    let file = unfinished_file(folder, ".octrls-").with_context(failed)?;
    let export_failed = |e: ExportError| coded(e.code(), e);
    let mut export = Export::begin(file).map_err(export_failed)?;
    let (mut ascans, mut unreadable) = (0, 0);
    for result in results {
        match export.add(result) {
            Ok(count) => ascans += count,
            Err(error @ ExportError::Result { .. }) => {
                unreadable += 1;
                eprintln!("{}: {error}", error.code());
            }
            Err(error) => return Err(export_failed(error)),
        }
    }
    let file = export.finish().map_err(export_failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(target).with_context(failed)?;
    sync_folder(folder).with_context(failed)?;
    println!("exported {} of {}", counted(ascans, "A-scan"), counted(results.len() - unreadable, "result"));
    Ok(some_failed_if(unreadable > 0))
}
