//! `octrls demo`: writes synthetic scans into a temporary folder and watches it.

use std::{path::Path, process::ExitCode, thread, time::Duration};

use anyhow::Context;
use clap::Args;

use octrls_core::{ErrorCode, phantom::PhantomOptions};
use octrls_engine::{EngineOptions, SegmenterOptions};
use octrls_tui::ScreenKind;

use super::phantom::SyntheticScan;
use crate::cli::{
    arguments::{model::ModelArguments, number::seconds, screen::ScreenArguments, watch::default_jobs},
    files::create_folder,
    watcher::{DicomPeers, Services, Watcher},
};

/// Demo scans are complete when they appear, so a short window is safe and shows results sooner.
const STABILITY: Duration = Duration::from_millis(300);

#[derive(Args)]
pub(crate) struct DemoArguments {
    /// Number of scans
    #[arg(long, value_name = "N", default_value = "12", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    scans: u32,
    /// Seconds between two arrivals
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    every: f64,
    /// Seed of the first scan
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Print one line per change instead of the dashboard, and stop after the last scan
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    screen: ScreenArguments,
    #[command(flatten)]
    model: ModelArguments,
}

pub(super) fn run(arguments: &DemoArguments) -> anyhow::Result<ExitCode> {
    let network = arguments.model.load()?;
    let folder = tempfile::Builder::new()
        .prefix("octrls-demo-")
        .tempdir()
        .context("cannot create a temporary folder for the demo")
        .context(ErrorCode::OutIo)?;
    let (root, out) = (folder.path().join("scans"), folder.path().join("results"));
    create_folder(&root)?;

    let screen = ScreenKind::select(arguments.plain.then_some(ScreenKind::Plain));
    let seeds = arguments.seed..arguments.seed + u64::from(arguments.scans);
    let every = Duration::from_secs_f64(arguments.every);
    let options = EngineOptions { stability: STABILITY, workers: default_jobs(), ..EngineOptions::new(&root, out) };
    let options = if screen == ScreenKind::Dashboard {
        let root = root.clone();
        // The folder is deleted when the demo ends; the error only ends this thread.
        thread::spawn(move || seeds.into_iter().try_for_each(|seed| write_scan(&root, seed, every)));
        options
    } else {
        // Nobody can quit without a dashboard: write all scans first and stop after the last.
        seeds.into_iter().try_for_each(|seed| write_scan(&root, seed, Duration::ZERO))?;
        EngineOptions { until_idle: true, ..options }
    };
    let watcher = Watcher {
        options,
        segmenter: SegmenterOptions::default(),
        history: None,
        screen,
        dicom_peers: DicomPeers::default(),
        services: Services::default(),
        queue: None,
        no_follow_up: true,
    };
    watcher.run(network, &arguments.screen.options())
}

/// Writes one scan, then waits.
fn write_scan(root: &Path, seed: u64, wait: Duration) -> anyhow::Result<()> {
    let scanner = PhantomOptions::default();
    // A healthy single scan first, then a volume of 6 by 6 mm, then scans that vary.
    let (options, bscans) = match seed % 4 {
        1 => (scanner, 1),
        2 => (PhantomOptions { width: 512, lateral_um: 11.7, ..scanner }, 25),
        _ => (PhantomOptions::random(seed), 1),
    };
    SyntheticScan { options, seed, bscans }.write(&root.join(format!("phantom-{seed:03}")), None)?;
    thread::sleep(wait);
    Ok(())
}
