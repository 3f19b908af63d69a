//! `octrls send`: sends DICOM files to a node.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use walkdir::WalkDir;

use octrls_dicom_net as node;
use octrls_dicom_net::SendOutcome;
use octrls_readers::dicom;

use super::{SOME_FAILED, coded, node_args::SendArguments, on_signals};

/// Bytes at the start of a file that tell whether it is DICOM.
const START: u64 = 132;

pub(super) fn run(arguments: &SendArguments) -> anyhow::Result<ExitCode> {
    let (target, options) = (&arguments.target, arguments.options());
    let (drained, aborted) = (options.stop.clone(), options.stop.clone());
    on_signals(move || drained.drain(), move || aborted.abort())?;
    if arguments.echo {
        node::echo(target, &options).map_err(|e| coded(e.code(), e))?;
        println!("{target} answers");
        return Ok(ExitCode::SUCCESS);
    }
    let files = find(&arguments.inputs)?;
    let outcomes = node::send(target, &files, &options).map_err(|e| coded(e.code(), e))?;
    let mut failed = 0;
    for SendOutcome { path, result } in &outcomes {
        match result {
            Ok(0) => println!("{}  sent", path.display()),
            Ok(warning) => println!("{}  sent; the node returned warning {warning:#06x}", path.display()),
            Err(error) => {
                failed += 1;
                eprintln!("{}  {}: {error}", path.display(), error.code());
            }
        }
    }
    println!("{} of {} files sent to {target}", outcomes.len() - failed, outcomes.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}

/// Finds the files to send; a folder stands for the DICOM files below it.
fn find(inputs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        let kind = std::fs::metadata(input).with_context(|| format!("E-READ-IO: cannot read {}", input.display()))?;
        if !kind.is_dir() {
            files.push(input.clone());
            continue;
        }
        for entry in WalkDir::new(input).sort_by_file_name() {
            let entry = entry.with_context(|| format!("E-READ-IO: cannot search {}", input.display()))?;
            if entry.file_type().is_file() && is_dicom(entry.path()) {
                files.push(entry.into_path());
            }
        }
    }
    if files.is_empty() {
        bail!("E-ARGS-EMPTY: no DICOM files found");
    }
    Ok(files)
}

/// Whether the file at `path` is DICOM, judged by its content. Hidden files count as unfinished.
fn is_dicom(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    !hidden && read.is_ok() && dicom::recognises(&start)
}
