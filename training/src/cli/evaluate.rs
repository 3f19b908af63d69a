//! `evaluate` and `calibrate`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use octrls_core::{layer::Boundary, network::Network, surface::ExtractOptions};

use super::labels::Labels;
use crate::{
    data::{Part, Sample, phantom},
    evaluate::{
        Comparison, Evaluation, FittedCalibration, ModelReport, Report, Table, best_trial, comparison_table,
        fit_calibration, image_name, judge, overlay, page, robustness, robustness_table, rules, segment, tables, try_extractions,
        worst_scans,
    },
    files::write_atomically,
    score::ground_truth,
};

/// First seed of the phantoms for evaluation; far from the seeds used in training.
const PHANTOM_SEED: u64 = 900_000_000;

#[derive(Debug, Args)]
struct Source {
    /// Model to evaluate (ONNX)
    #[arg(long, default_value = "models/unet-640.onnx")]
    model: PathBuf,
    #[command(flatten)]
    labels: Labels,
    /// Add this many phantoms
    #[arg(long, default_value_t = 0)]
    phantoms: u64,
}

impl Source {
    fn read(&self, part: Part) -> Result<(Network, Vec<Sample>)> {
        let network = Network::load(&self.model).with_context(|| format!("{}", self.model.display()))?;
        let mut samples = self.labels.load(part)?;
        samples.extend((0..self.phantoms).map(|i| phantom(PHANTOM_SEED + i)));
        Ok((network, samples))
    }
}

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    #[command(flatten)]
    source: Source,
    /// Part of the data
    #[arg(long, value_enum, default_value_t = Part::Val)]
    part: Part,
    /// Output folder: `report.json`, `tables.md`, and `report.html` with images of the worst scans
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write images of all scans, not only the worst
    #[arg(long, requires = "out")]
    all_pictures: bool,
}

impl Evaluate {
    pub(super) fn run(self) -> Result<()> {
        let (network, samples) = self.source.read(self.part)?;
        let mut evaluation = Evaluation::default();
        let mut segmented = Vec::with_capacity(samples.len());
        for sample in &samples {
            let found = segment(&network, sample)?;
            evaluation.add(sample, &found);
            segmented.push(found);
        }
        let report = Report::new(ModelReport::of(&network), self.part, &evaluation);
        let tables: Vec<String> = tables(&report).iter().map(Table::markdown).collect();
        let tables = tables.join("\n");
        print!("{tables}");
        let Some(out) = &self.out else { return Ok(()) };
        let pictures = out.join("pictures");
        fs::create_dir_all(&pictures).with_context(|| format!("cannot create {}", pictures.display()))?;
        let worst: Vec<_> = worst_scans(&report.scans).into_values().flatten().map(image_name).collect();
        for ((sample, found), scan) in samples.iter().zip(&segmented).zip(&report.scans) {
            let name = image_name(scan);
            if self.all_pictures || worst.contains(&name) {
                let path = pictures.join(name);
                let image = overlay(sample, found, &ground_truth(sample));
                image.save(&path).with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        write_atomically(&out.join("report.json"), &serde_json::to_vec_pretty(&report)?)?;
        write_atomically(&out.join("tables.md"), tables.as_bytes())?;
        write_atomically(&out.join("report.html"), page(&report).as_bytes())
    }
}

/// Every n-th scan of the part is perturbed.
const PERTURBED_EVERY: usize = 3;

#[derive(Debug, Args)]
pub(super) struct Robustness {
    #[command(flatten)]
    source: Source,
    /// Part of the data; every third scan is used
    #[arg(long, value_enum, default_value_t = Part::Test)]
    part: Part,
    /// Output file for the table (Markdown)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Robustness {
    pub(super) fn run(self) -> Result<()> {
        let (network, samples) = self.source.read(self.part)?;
        let samples: Vec<Sample> = samples.into_iter().step_by(PERTURBED_EVERY).collect();
        let table = robustness_table(&robustness(&network, &samples)?).markdown();
        print!("{table}");
        self.out.map_or(Ok(()), |out| write_atomically(&out, table.as_bytes()))
    }
}

#[derive(Debug, Args)]
pub(super) struct Verdicts {
    #[command(flatten)]
    source: Source,
    /// Every n-th scan of the training and validation part
    #[arg(long, default_value_t = 2)]
    every: usize,
}

impl Verdicts {
    pub(super) fn run(self) -> Result<()> {
        let (network, mut samples) = self.source.read(Part::Val)?;
        samples.extend(self.source.labels.load(Part::Train)?);
        let samples: Vec<Sample> = samples.into_iter().step_by(self.every.max(1)).collect();
        print!("{}", rules(&judge(&network, &samples)?).markdown());
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Models to compare, as name and ONNX file
    #[arg(required = true, value_name = "NAME=ONNX", value_parser = parse_named)]
    models: Vec<(String, PathBuf)>,
    #[command(flatten)]
    labels: Labels,
    /// Output folder: `comparison.json` and `comparison.md`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn parse_named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=ONNX")?;
    Ok((name.to_owned(), path.into()))
}

impl Compare {
    pub(super) fn run(self) -> Result<()> {
        let parts = [Part::Val, Part::Test].map(|part| Ok((part, self.labels.load(part)?)));
        let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
        let mut models = Vec::with_capacity(self.models.len());
        for (name, path) in &self.models {
            let network = Network::load(path).with_context(|| format!("{}", path.display()))?;
            models.push(Comparison::new(name, &network, &parts)?);
            eprintln!("{name} measured");
        }
        let table = comparison_table(&models).markdown();
        print!("{table}");
        let Some(out) = &self.out else { return Ok(()) };
        fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        write_atomically(&out.join("comparison.json"), &serde_json::to_vec_pretty(&models)?)?;
        write_atomically(&out.join("comparison.md"), table.as_bytes())
    }
}

#[derive(Debug, Args)]
pub(super) struct Calibrate {
    #[command(flatten)]
    source: Source,
    /// Softmax temperatures to try; the one with the smallest boundary error is chosen
    #[arg(long, value_delimiter = ',', default_values_t = [0.75, 1.0, 1.25, 1.5, 2.0])]
    temperatures: Vec<f32>,
    /// Smoothing windows to report besides the runtime's; never chosen
    #[arg(long, value_delimiter = ',')]
    smoothings: Vec<f32>,
    /// Output file, for `export --calibration`
    out: PathBuf,
}

impl Calibrate {
    pub(super) fn run(self) -> Result<()> {
        anyhow::ensure!(
            self.temperatures.iter().all(|t| (0.05..=20.0).contains(t)),
            "temperatures must be between 0.05 and 20"
        );
        let (network, samples) = self.source.read(Part::Val)?;
        let default = ExtractOptions::default().smoothing;
        let smoothings: Vec<f32> = std::iter::once(default).chain(self.smoothings).collect();
        let trials = try_extractions(&network, &samples, &self.temperatures, &smoothings)?;
        println!("| temperature | smoothing | in the 95 % interval | mean absolute error, px |");
        println!("| ---: | ---: | ---: | ---: |");
        for t in trials.iter().map(|t| t.accuracy) {
            println!("| {} | {} | {:.3} | {:.3} |", t.temperature, t.smoothing, t.coverage, t.mean_absolute_px);
        }
        let candidates = trials.iter().filter(|t| t.accuracy.smoothing.to_bits() == default.to_bits());
        let best = best_trial(candidates).context("no temperature given")?;
        let FittedCalibration { calibration, held_out_coverage } = fit_calibration(&samples, best);
        println!("\n| set | in 95 % intervals that were fitted to the other sets |\n| --- | ---: |");
        for (set, share) in held_out_coverage {
            println!("| {set} | {:.1} % |", 100.0 * share);
        }
        println!("\n| boundary | offset, px | scale | floor, px |\n| --- | ---: | ---: | ---: |");
        let fitted = calibration.offsets.into_iter().zip(calibration.intervals);
        for (boundary, (offset, interval)) in Boundary::ALL.into_iter().zip(fitted) {
            println!("| {} | {offset:+.2} | {:.2} | {:.2} |", boundary.name(), interval.scale, interval.floor);
        }
        println!(
            "\nThe choroid-sclera boundary counts as visible up to a deviation of {} px.",
            calibration.choroid_limit
        );
        write_atomically(&self.out, &serde_json::to_vec_pretty(&calibration)?)
    }
}
