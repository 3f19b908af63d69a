//! `octrls demo`: writes synthetic scans into a temporary folder and watches it.

use std::{path::Path, process::ExitCode, thread, time::Duration};

use anyhow::Context;

use octrls_core::phantom::PhantomOptions;
use octrls_engine::{EngineOptions, SegmenterOptions};
use octrls_tui::ScreenKind;

use super::{
    args::DemoArguments, default_jobs, dicom_peers::DicomPeers, load_network, make_folder, phantom::SyntheticScan,
    service::Service, watch::Watch,
};

/// Demo scans are complete when they appear, so a short window is safe and shows results sooner.
const STABILITY: Duration = Duration::from_millis(300);

pub(super) fn run(arguments: &DemoArguments) -> anyhow::Result<ExitCode> {
    let network = load_network(&arguments.model)?;
    let folder = tempfile::Builder::new()
        .prefix("octrls-demo-")
        .tempdir()
        .context("E-OUT-IO: cannot make a temporary folder for the demo")?;
    let (root, out) = (folder.path().join("scans"), folder.path().join("results"));
    make_folder(&root)?;

    let screen = ScreenKind::select(arguments.plain.then_some(ScreenKind::Plain));
    let seeds = arguments.seed..arguments.seed + u64::from(arguments.scans);
    let every = Duration::from_secs_f64(arguments.every);
    let options = EngineOptions { stability: STABILITY, workers: default_jobs(), ..EngineOptions::new(&root, out) };
    let options = if screen == ScreenKind::Dashboard {
        let root = root.clone();
        // The folder is deleted when the demo ends; the error only ends this thread.
        thread::spawn(move || seeds.into_iter().try_for_each(|seed| send(&root, seed, every)));
        options
    } else {
        // Nobody can quit without a dashboard: write all scans first and stop after the last.
        seeds.into_iter().try_for_each(|seed| send(&root, seed, Duration::ZERO))?;
        EngineOptions { until_idle: true, ..options }
    };
    let (segment, dicom_peers) = (SegmenterOptions::default(), DicomPeers::default());
    let service = Service::default();
    let watch =
        Watch { options, segment, history: None, screen, dicom_peers, service, queue: None, no_follow_up: true };
    watch.run(network, arguments.image.image)
}

/// Writes one scan, then waits.
fn send(root: &Path, seed: u64, wait: Duration) -> anyhow::Result<()> {
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
