//! `octrls send`: sends DICOM files to a node.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use walkdir::WalkDir;

use octrls_core::ErrorCode;
use octrls_dicom_net::{self as node, AeTitle, Destination, SendOptions, SendOutcome};
use octrls_readers::dicom;

use crate::cli::{
    arguments::{number::seconds, tls::TlsArguments},
    error::coded,
    exit_code::some_failed_if,
    output::{counted, display_paths, file_error_line, line},
    signals::on_signals,
};

/// Bytes at the start of a file that show whether it is DICOM.
const MAGIC_BYTES: u64 = 132;

#[derive(Args)]
pub(crate) struct SendArguments {
    /// Node or DICOMweb service to send to
    #[arg(value_name = "TITLE@HOST:PORT|URL")]
    target: Destination,
    /// DICOM files, or folders to search for DICOM files
    #[arg(required_unless_present = "echo", value_name = "FILE|DIR")]
    inputs: Vec<PathBuf>,
    /// Only check that the node answers (C-ECHO), or that the service answers a search
    #[arg(long, conflicts_with = "inputs")]
    echo: bool,
    /// AE title of this node
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS")]
    ae_title: AeTitle,
    /// Retries after a temporary failure
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Stop when the node sends nothing for this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: f64,
    /// Send with TLS; an https service always is
    #[arg(long)]
    tls: bool,
    /// File with the bearer token for a DICOMweb service
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    #[command(flatten)]
    certificates: TlsArguments,
}

impl SendArguments {
    fn options(&self) -> anyhow::Result<SendOptions> {
        let timeout = Duration::from_secs_f64(self.timeout);
        let (tls, token) = (self.certificates.to(&self.target, self.tls)?, self.token.clone());
        Ok(SendOptions { retries: self.retries, timeout, tls, token, ..SendOptions::new(self.ae_title.clone()) })
    }
}

pub(super) fn run(arguments: &SendArguments) -> anyhow::Result<ExitCode> {
    let (target, options) = (&arguments.target, arguments.options()?);
    let (drain, abort) = (options.stop.clone(), options.stop.clone());
    on_signals(true, move || drain.drain(), move || abort.abort())?;
    if arguments.echo {
        let answer = match target {
            Destination::Node(node) => node::echo(node, &options),
            Destination::Web(address) => node::check_web(address, &options),
        };
        answer.map_err(|e| coded(e.code(), e))?;
        println!("{target} answers");
        return Ok(ExitCode::SUCCESS);
    }
    let files = find_files(&arguments.inputs)?;
    let outcomes = match target {
        Destination::Node(node) => node::send(node, &files, &options),
        Destination::Web(address) => node::store_by_web(address, &files, &options),
    };
    let outcomes = outcomes.map_err(|e| coded(e.code(), e))?;
    let mut failed = 0;
    for SendOutcome { path, result } in &outcomes {
        match result {
            Ok(0) => line(format_args!("{}  sent", path.display()))?,
            Ok(warning) => {
                line(format_args!("{}  sent; the node returned warning {warning:#06x}", path.display()))?;
            }
            Err(error) => {
                failed += 1;
                file_error_line(path, error.code(), &error);
            }
        }
    }
    println!("{} of {} sent to {target}", outcomes.len() - failed, counted(outcomes.len(), "file"));
    Ok(some_failed_if(failed > 0))
}

/// Finds the files to send; a folder stands for the DICOM files below it.
fn find_files(inputs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        let kind = std::fs::metadata(input)
            .with_context(|| format!("{}: cannot read {}", ErrorCode::ReadIo, input.display()))?;
        if !kind.is_dir() {
            files.push(input.clone());
            continue;
        }
        for entry in WalkDir::new(input).sort_by_file_name() {
            let entry = entry.with_context(|| format!("{}: cannot search {}", ErrorCode::ReadIo, input.display()))?;
            if entry.file_type().is_file() && is_dicom(entry.path()) {
                files.push(entry.into_path());
            }
        }
    }
    if files.is_empty() {
        bail!("{}: no DICOM files found in {}", ErrorCode::ArgsEmpty, display_paths(inputs));
    }
    Ok(files)
}

/// Whether the file at `path` is DICOM, judged by its content. Hidden files count as unfinished.
fn is_dicom(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC_BYTES).read_to_end(&mut start));
    !hidden && read.is_ok() && dicom::recognises(&start)
}
