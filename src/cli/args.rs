//! The arguments of every command.

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
    follow_up::{FollowUpArguments, HistoryArguments},
    limits::LimitArguments,
    neighbours::{SegmentNetArguments, WatchNetArguments},
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

/// Segments the retinal layers in OCT scans and measures their thickness. Research use only, not a medical device.
#[derive(Parser)]
#[command(name = "octrls", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Let synthetic scans arrive in a temporary folder and show the dashboard working on them
    Demo(DemoArguments),
    /// Segment scans and write the results
    Segment(Box<SegmentArguments>),
    /// Watch a folder and segment every scan that arrives
    Watch(Box<WatchArguments>),
    /// Work on the scans of watchers elsewhere, which come by a queue
    Worker(Box<super::worker::WorkerArguments>),
    /// Attach the dashboard to a running `octrls watch`, as often as you like; leaving it stops nothing
    Top(super::top::TopArguments),
    /// Look at folders, disk, model, clock and settings, and say what to do about what is wrong
    Doctor(super::doctor::DoctorArguments),
    /// Check the settings file of `octrls watch`, or print one to begin with
    Config(super::config::ConfigArguments),
    /// List what the ledger of a watcher knows, also while it runs
    Ls(super::ls::LsArguments),
    /// Let scans be processed anew, also while the watcher runs
    Redo(super::redo::RedoArguments),
    /// List what was given up, send it back, or throw it away
    Quarantine(super::quarantine::QuarantineArguments),
    /// Write many results into one file
    Export(super::export::ExportArguments),
    /// Forget what was measured of the patients of these scans at earlier visits
    Forget(super::forget::ForgetArguments),
    /// Write synthetic scans with exact labels
    Phantom(PhantomArguments),
    /// Receive scans from DICOM nodes into a folder
    Receive(ReceiveArguments),
    /// Send DICOM files to a node
    Send(SendArguments),
    /// Tell about the model
    Model(ModelCommandArguments),
}

#[derive(Args)]
pub(super) struct ModelArguments {
    /// unet-640 (the most accurate), edge (the fastest), or an ONNX file
    #[arg(long, value_name = "NAME|FILE", default_value = ShippedModel::default().name())]
    pub(super) model: PathBuf,
    /// Where the network computes: auto (a GPU where there is one), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(super) device: Device,
}

#[derive(Args)]
pub(super) struct ReadArguments {
    /// Axial spacing in micrometres, for scans that do not state their own
    #[arg(long, value_name = "UM", value_parser = spacing)]
    pub(super) axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for scans that do not state their own
    #[arg(long, value_name = "UM", value_parser = spacing)]
    pub(super) lateral_um: Option<f64>,
    /// Micrometres on the retina to a degree, for files that state places in degrees alone (.E2E); 293 is usual
    #[arg(long, value_name = "UM", value_parser = degree)]
    pub(super) um_per_degree: Option<f64>,
    /// Take exports of which some images are missing, without these
    #[arg(long)]
    pub(super) allow_missing: bool,
    /// Of files that hold several series of B-scans, take this one alone; 1 is the first
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
    /// Where the ellipsoid zone ends: at the RPE's own band, or already below its bright band
    #[arg(long, value_name = "HOW", default_value = "with-outer-segments", value_parser = ez_convention())]
    pub(super) ellipsoid_zone: EzConvention,
}

#[derive(Args)]
pub(super) struct ResultArguments {
    /// Results of a DICOM scan as DICOM objects of its study
    #[arg(long, value_name = "WHICH", default_value = "standard")]
    pub(super) dicom: DicomResults,
    /// TOML file with limits of image quality beyond which a scan is flagged
    #[arg(long, value_name = "FILE")]
    pub(super) gates: Option<PathBuf>,
    /// What the thickness of volumes is compared with: the shipped table, a TOML file of the site's own, or nothing
    #[arg(long, value_name = "xu-2018|FILE|none", default_value = SHIPPED_REFERENCE)]
    pub(super) reference: PathBuf,
    #[command(flatten)]
    pub(super) convention: ConventionArguments,
    #[command(flatten)]
    pub(super) read: ReadArguments,
}

/// Name of the reference table that is shipped.
const SHIPPED_REFERENCE: &str = "xu-2018";

impl ResultArguments {
    /// The options that they state.
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

/// The text of a file of settings.
pub(super) fn settings(path: &Path, code: &'static str) -> anyhow::Result<String> {
    /// Longest file, in bytes; the longest that is shipped has two thousand.
    const MOST: u64 = 1 << 20;
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text));
    let read = read.with_context(|| format!("cannot read {}", path.display()));
    let bytes = read.map_err(|e| e.context(code))?;
    anyhow::ensure!(bytes as u64 <= MOST, "{code}: {} is far too long", path.display());
    Ok(text)
}

#[derive(Args)]
pub(super) struct SegmentArguments {
    /// Scan files, or folders to search for them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(super) inputs: Vec<PathBuf>,
    /// Take each folder for one volume: its images are the B-scans, in the natural order of their names
    #[arg(long)]
    pub(super) volume: bool,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "octrls-results")]
    pub(super) out: PathBuf,
    /// Scans to work on at once [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) jobs: Option<u16>,
    #[command(flatten)]
    pub(super) history: HistoryArguments,
    #[command(flatten)]
    pub(super) net: SegmentNetArguments,
    #[command(flatten)]
    pub(super) results: ResultArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
}

#[derive(Args)]
pub(super) struct WatchArguments {
    /// Folders to watch, with the folders below them; of several each has its results in a folder of its own name
    #[arg(value_name = "DIR", required_unless_present = "config")]
    roots: Vec<PathBuf>,
    /// Folder for results, ledger and quarantine [default: DIR/octrls-results of the first folder]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// One line for each change instead of the dashboard
    #[arg(long, conflicts_with = "json")]
    pub(super) plain: bool,
    /// One JSON object for each change instead of the dashboard
    #[arg(long)]
    pub(super) json: bool,
    /// Look for changes every so many seconds instead of waiting to be told [default: 10 on network shares]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) poll: Option<f64>,
    /// The same for one of several folders, as in /srv/share=10; several are allowed
    #[arg(long, value_name = "DIR=SECONDS", value_parser = folder_and_seconds)]
    pub(super) poll_root: Vec<(PathBuf, f64)>,
    /// Take a scan once its size and modification time stood still for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) stable: f64,
    /// Attempts before a scan that fails for a passing reason goes to quarantine
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) attempts: u32,
    /// Stop once everything that is there has been worked through
    #[arg(long)]
    pub(super) once: bool,
    /// Scans to work on at once [default: one a core; with --queue, 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) jobs: Option<u16>,
    #[command(flatten)]
    pub(super) service: ServiceArguments,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    #[command(flatten)]
    pub(super) follow_up: FollowUpArguments,
    #[command(flatten)]
    pub(super) net: WatchNetArguments,
    #[command(flatten)]
    pub(super) queue: WatchQueueArguments,
    #[command(flatten)]
    pub(super) image: ImageArguments,
    #[command(flatten)]
    pub(super) results: ResultArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
}

impl WatchArguments {
    /// The watched folders, at least one, which a settings file may have left out.
    pub(super) fn roots(&self) -> anyhow::Result<&[PathBuf]> {
        let together = "E-CONFIG-TOGETHER: no folder to watch: neither on the command line nor as `roots`";
        (!self.roots.is_empty()).then_some(self.roots.as_slice()).context(together)
    }
}

#[derive(Args)]
pub(super) struct ImageArguments {
    /// How the dashboard draws B-scans
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(super) image: octrls_tui::ImageMode,
}

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Scans that arrive
    #[arg(long, default_value = "12", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) scans: u32,
    /// Seconds between two arrivals
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(super) every: f64,
    /// Seed of the first scan
    #[arg(long, default_value = "1")]
    pub(super) seed: u64,
    /// One line for each change instead of the dashboard; stops by itself after the last scan
    #[arg(long)]
    pub(super) plain: bool,
    #[command(flatten)]
    pub(super) image: ImageArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
}

#[derive(Args)]
pub(super) struct PhantomArguments {
    /// Folder to write to
    #[arg(value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Scans to write
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) count: u32,
    /// B-scans of each scan; more than one make a volume around the fovea
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) bscans: u32,
    /// Seed of the first scan; the following count up from it
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
    /// Print what a model says of itself
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
    let (folder, every) = text.rsplit_once('=').ok_or("not DIR=SECONDS")?;
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
