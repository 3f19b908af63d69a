//! The commands and their arguments.

use octrls_core::ErrorCode;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use super::node_args::{ReceiveArguments, SendArguments};
use super::{
    coded,
    dicom_peers::{SegmentNetArguments, WatchNetArguments},
    follow_up::{FollowUpArguments, HistoryArguments},
    limits::LimitArguments,
    queue::WatchQueueArguments,
    service_args::ServiceArguments,
};
use octrls_core::{
    layer::EzConvention,
    measure::{
        Gates, GatesError,
        reference::{ReferenceError, ReferenceTable},
    },
    network::{Device, ShippedModel},
};
use octrls_engine::SegmenterOptions;
use octrls_readers::ReadOptions;
use octrls_report::DicomResults;

/// Segment retinal layers in OCT scans and measure their thickness. Research use only; not a medical device.
#[derive(Parser)]
#[command(name = "octrls", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the dashboard at work on synthetic scans
    Demo(DemoArguments),
    /// Segment scan files or folders once
    #[command(after_help = SEGMENT_EXAMPLES)]
    Segment(Box<SegmentArguments>),
    /// Watch folders and segment every scan that arrives
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(Box<WatchArguments>),
    /// Segment scans for watchers on other machines
    #[command(after_help = WORKER_EXAMPLES)]
    Worker(Box<super::worker::WorkerArguments>),
    /// Attach a dashboard to a running watcher; quitting it does not stop the watcher
    Top(super::top::TopArguments),
    /// Check folders, disk, model, clock and settings, and suggest fixes
    Doctor(super::doctor::DoctorArguments),
    /// Check a settings file or print a sample
    Config(super::config::ConfigArguments),
    /// List the status of every scan
    Ls(super::ls::LsArguments),
    /// Process scans again
    Redo(super::redo::RedoArguments),
    /// List quarantined scans; retry or delete them
    Quarantine(super::quarantine::QuarantineArguments),
    /// Combine many results into one file
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(super::export::ExportArguments),
    /// Delete a patient's measurements from the follow-up history
    Forget(super::forget::ForgetArguments),
    /// Write synthetic scans with exact labels
    Phantom(PhantomArguments),
    /// Receive scans from DICOM nodes into a folder
    #[command(after_help = RECEIVE_EXAMPLES)]
    Receive(ReceiveArguments),
    /// Send DICOM files to a node
    #[command(after_help = SEND_EXAMPLES)]
    Send(SendArguments),
    /// Show model information
    Model(ModelCommandArguments),
}

// Headings of `--help` that more than one group of options uses.
const FOLDERS: &str = "Folders and results";
pub(super) const SCANS: &str = "Scans";
const SCREEN: &str = "Screen";
const RESULTS: &str = "Results";
const FOLLOW_UP: &str = "Follow-up";
const NETWORK: &str = "DICOM network";
const MODEL: &str = "Model";

const WATCH_EXAMPLES: &str = "\
Examples:
  octrls watch /srv/oct/in --out /srv/oct/out
  octrls watch /mnt/share --poll 10 --plain
  octrls watch --config /etc/octrls/octrls.toml";

const SEGMENT_EXAMPLES: &str = "\
Examples:
  octrls segment scan.vol
  octrls segment --volume --axial-um 3.87 --lateral-um 11.4 folder-of-images
  octrls segment /srv/oct/in --out results --model edge";

const WORKER_EXAMPLES: &str = "\
Examples:
  octrls worker --queue nats://queue.example.org
  octrls worker --config /etc/octrls/worker.toml";

const EXPORT_EXAMPLES: &str = "\
Examples:
  octrls export --parquet ascans.parquet /srv/oct/out
  octrls export --json results.jsonl /srv/oct/out
  octrls export --json - /srv/oct/out";

const RECEIVE_EXAMPLES: &str = "\
Examples:
  octrls receive /srv/oct/in
  octrls receive /srv/oct/in --listen 0.0.0.0:11112 --allow-ae SCANNER";

const SEND_EXAMPLES: &str = "\
Examples:
  octrls send --echo PACS@pacs.example.org:104
  octrls send PACS@pacs.example.org:104 /srv/oct/out";

#[derive(Args)]
pub(super) struct ModelArguments {
    /// Model: unet-640 (most accurate), edge (fastest), or the path of an ONNX file
    #[arg(long, value_name = "NAME|FILE", default_value = ShippedModel::default().name())]
    pub(super) model: PathBuf,
    /// Device that runs the model: auto (a GPU if available), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(super) device: Device,
}

#[derive(Args)]
pub(super) struct ReadArguments {
    /// Axial spacing in micrometres, for scans that do not state it
    #[arg(long, value_name = "UM", value_parser = spacing)]
    pub(super) axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for scans that do not state it
    #[arg(long, value_name = "UM", value_parser = spacing)]
    pub(super) lateral_um: Option<f64>,
    /// Micrometres per degree on the retina, for files that state positions in degrees only (.E2E); typically 293
    #[arg(long, value_name = "UM", value_parser = degree)]
    pub(super) um_per_degree: Option<f64>,
    /// Accept exports with missing images
    #[arg(long)]
    pub(super) allow_missing: bool,
    /// Process only this series of files that hold several; counts from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) series: Option<u32>,
}

impl ReadArguments {
    pub(super) const fn options(&self) -> ReadOptions {
        let Self { axial_um, lateral_um, um_per_degree, allow_missing, series } = *self;
        ReadOptions { axial_um, lateral_um, um_per_degree, allow_missing, series }
    }
}

/// Parses a convention by its name; the core itself knows nothing of clap.
fn ez_convention() -> impl TypedValueParser<Value = EzConvention> {
    let values = EzConvention::ALL.map(|c| PossibleValue::new(c.option()).help(c.description()));
    PossibleValuesParser::new(values).try_map(|name| {
        EzConvention::ALL.into_iter().find(|c| c.option() == name).ok_or("not an ellipsoid zone convention")
    })
}

#[derive(Args)]
pub(super) struct ConventionArguments {
    /// Where the ellipsoid zone ends: at the RPE (with-outer-segments), or below its bright band (band-alone)
    #[arg(long, value_name = "HOW", default_value = "with-outer-segments", value_parser = ez_convention())]
    pub(super) ellipsoid_zone: EzConvention,
}

#[derive(Args)]
pub(super) struct ResultArguments {
    /// DICOM objects to write for a DICOM scan, in the scan's study
    #[arg(long, value_name = "WHICH", default_value = "standard")]
    pub(super) dicom: DicomResults,
    /// TOML file with image quality limits; scans outside them are flagged
    #[arg(long, value_name = "FILE")]
    pub(super) gates: Option<PathBuf>,
    /// Reference thickness for volumes: the shipped table, your own TOML file, or none
    #[arg(long, value_name = "xu-2018|FILE|none", default_value = SHIPPED_REFERENCE)]
    pub(super) reference: PathBuf,
    #[command(flatten)]
    pub(super) convention: ConventionArguments,
    #[command(flatten, next_help_heading = SCANS)]
    pub(super) read: ReadArguments,
}

/// Name of the shipped reference table.
const SHIPPED_REFERENCE: &str = "xu-2018";

impl ResultArguments {
    /// The segmenter options; reads the files that the arguments name.
    pub(super) fn options(&self) -> anyhow::Result<SegmenterOptions> {
        let gates = match &self.gates {
            Some(file) => Gates::parse(&settings(file, GatesError::CODE)?).map_err(|e| coded(GatesError::CODE, e))?,
            None => Gates::default(),
        };
        let reference = match self.reference.to_str() {
            Some("none") => None,
            Some(SHIPPED_REFERENCE) => Some(ReferenceTable::shipped()),
            _ => Some(ReferenceTable::parse(&settings(&self.reference, ReferenceError::CODE)?)),
        };
        let reference = reference.transpose().map_err(|e| coded(ReferenceError::CODE, e))?;
        Ok(SegmenterOptions {
            read: self.read.options(),
            ez: self.convention.ellipsoid_zone,
            dicom: self.dicom,
            gates,
            reference: reference.map(Arc::new),
        })
    }
}

/// Reads a settings file of at most 1 MiB.
pub(super) fn settings(path: &Path, code: ErrorCode) -> anyhow::Result<String> {
    const MOST: u64 = 1 << 20;
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text));
    let read = read.with_context(|| format!("cannot read {}", path.display()));
    let bytes = read.map_err(|e| e.context(code))?;
    anyhow::ensure!(bytes as u64 <= MOST, "{code}: {} is larger than 1 MiB", path.display());
    Ok(text)
}

#[derive(Args)]
pub(super) struct SegmentArguments {
    /// Scan files, or folders to search for scans
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(super) inputs: Vec<PathBuf>,
    /// Treat each folder as one volume: its images are the B-scans, in natural order of their names
    #[arg(long, help_heading = FOLDERS)]
    pub(super) volume: bool,
    /// Results folder
    #[arg(long, value_name = "DIR", default_value = "octrls-results", help_heading = FOLDERS)]
    pub(super) out: PathBuf,
    /// Scans to process at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = SCANS)]
    pub(super) jobs: Option<u16>,
    #[command(flatten, next_help_heading = FOLLOW_UP)]
    pub(super) history: HistoryArguments,
    #[command(flatten, next_help_heading = NETWORK)]
    pub(super) net: SegmentNetArguments,
    #[command(flatten, next_help_heading = RESULTS)]
    pub(super) results: ResultArguments,
    #[command(flatten, next_help_heading = MODEL)]
    pub(super) model: ModelArguments,
}

#[derive(Args)]
pub(super) struct WatchArguments {
    /// Folders to watch, including subfolders; with several, each gets a results subfolder of its own name
    #[arg(value_name = "DIR", required_unless_present = "config")]
    roots: Vec<PathBuf>,
    /// Folder for results, ledger and quarantine [default: DIR/octrls-results in the first folder]
    #[arg(long, value_name = "DIR", help_heading = FOLDERS)]
    pub(super) out: Option<PathBuf>,
    /// Check the folders every SECONDS instead of using file system events [default: 10 on network shares]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = FOLDERS)]
    pub(super) poll: Option<f64>,
    /// Like --poll, for one folder, for example /srv/share=10; repeatable
    #[arg(long, value_name = "DIR=SECONDS", value_parser = folder_and_seconds, help_heading = FOLDERS)]
    pub(super) poll_root: Vec<(PathBuf, f64)>,
    /// Seconds a file must stay unchanged before it is processed
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, help_heading = SCANS)]
    pub(super) stable: f64,
    /// Attempts before a scan that fails for a temporary reason is quarantined
    #[arg(
        long,
        value_name = "N",
        default_value = "3",
        value_parser = clap::value_parser!(u32).range(1..=100),
        help_heading = SCANS
    )]
    pub(super) attempts: u32,
    /// Process the scans that are there, then stop
    #[arg(long, help_heading = SCANS)]
    pub(super) once: bool,
    /// Scans to process at once [default: one per core; with --queue, 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = SCANS)]
    pub(super) jobs: Option<u16>,
    /// Print one line per change instead of the dashboard
    #[arg(long, conflicts_with = "json", help_heading = SCREEN)]
    pub(super) plain: bool,
    /// Print one JSON object per event instead of the dashboard
    #[arg(long, help_heading = SCREEN)]
    pub(super) json: bool,
    #[command(flatten, next_help_heading = "Service")]
    pub(super) service: ServiceArguments,
    #[command(flatten, next_help_heading = "Retention and limits")]
    pub(super) limits: LimitArguments,
    #[command(flatten, next_help_heading = FOLLOW_UP)]
    pub(super) follow_up: FollowUpArguments,
    #[command(flatten, next_help_heading = NETWORK)]
    pub(super) net: WatchNetArguments,
    #[command(flatten, next_help_heading = "Queue")]
    pub(super) queue: WatchQueueArguments,
    #[command(flatten, next_help_heading = SCREEN)]
    pub(super) image: ImageArguments,
    #[command(flatten, next_help_heading = RESULTS)]
    pub(super) results: ResultArguments,
    #[command(flatten, next_help_heading = MODEL)]
    pub(super) model: ModelArguments,
}

impl WatchArguments {
    /// The watched folders.
    ///
    /// # Errors
    /// When there is none: the parser allows that together with a settings file.
    pub(super) fn roots(&self) -> anyhow::Result<&[PathBuf]> {
        let together = "E-CONFIG-TOGETHER: no folder to watch; name one on the command line or as `roots`";
        (!self.roots.is_empty()).then_some(self.roots.as_slice()).context(together)
    }
}

#[derive(Args)]
pub(super) struct ImageArguments {
    /// How the dashboard draws B-scans
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(super) image: octrls_tui::dashboard::ImageMode,
}

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Number of scans
    #[arg(long, default_value = "12", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) scans: u32,
    /// Seconds between two arrivals
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(super) every: f64,
    /// Seed of the first scan
    #[arg(long, default_value = "1")]
    pub(super) seed: u64,
    /// Print one line per change instead of the dashboard, and stop after the last scan
    #[arg(long)]
    pub(super) plain: bool,
    #[command(flatten)]
    pub(super) image: ImageArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
}

#[derive(Args)]
pub(super) struct PhantomArguments {
    /// Output folder
    #[arg(value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Number of scans
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) count: u32,
    /// B-scans per scan; more than one make a volume around the fovea
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) bscans: u32,
    /// Seed of the first scan; each further scan adds 1
    #[arg(long, default_value = "1")]
    pub(super) seed: u64,
    /// Vary scanner, anatomy and quality from scan to scan
    #[arg(long)]
    pub(super) varied: bool,
}

#[derive(Args)]
pub(super) struct ModelCommandArguments {
    #[command(subcommand)]
    pub(super) command: ModelCommand,
}

#[derive(Subcommand)]
pub(super) enum ModelCommand {
    /// Print the metadata of a model
    Info(ModelInfoArguments),
}

#[derive(Args)]
pub(super) struct ModelInfoArguments {
    #[command(flatten)]
    pub(super) model: ModelArguments,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    number_in(text, 0.01, 86_400.0)
}

pub(super) fn seconds_or_none(text: &str) -> Result<f64, String> {
    if text.parse() == Ok(0.0) { Ok(0.0) } else { seconds(text) }
}

fn folder_and_seconds(text: &str) -> Result<(PathBuf, f64), String> {
    let (folder, every) = text.rsplit_once('=').ok_or("expected DIR=SECONDS")?;
    Ok((folder.into(), seconds(every)?))
}

fn spacing(text: &str) -> Result<f64, String> {
    number_in(text, 0.1, 500.0)
}

fn degree(text: &str) -> Result<f64, String> {
    number_in(text, 200.0, 400.0)
}

fn number_in(text: &str, min: f64, max: f64) -> Result<f64, String> {
    text.parse().ok().filter(|v| (min..=max).contains(v)).ok_or_else(|| format!("not a number from {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
