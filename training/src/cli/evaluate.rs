//! `evaluate` and `calibrate`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use octrls::{layer::Boundary, network::Network};

use super::labels::Labels;
use crate::{
    data::{Part, Sample, phantom},
    evaluate::{
        Evaluation, ModelReport, Report, best_temperature, fit_intervals, markdown, overlay, segment, try_temperatures,
    },
    score::truth,
    train::write_atomically,
};

/// First seed of the phantoms that models are measured on, far from those of any training draw by chance alone.
const PHANTOM_SEED: u64 = 900_000_000;

#[derive(Debug, Args)]
struct Source {
    /// The ONNX file.
    #[arg(long, default_value = "models/unet-640.onnx")]
    model: PathBuf,
    #[command(flatten)]
    labels: Labels,
    /// Add this many phantoms.
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
    /// Part of the data.
    #[arg(long, value_enum, default_value_t = Part::Val)]
    part: Part,
    /// Write all figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write pictures of every scan with its boundaries here.
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
}

impl Evaluate {
    pub(super) fn run(self) -> Result<()> {
        let (network, samples) = self.source.read(self.part)?;
        if let Some(dir) = &self.overlays {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        let mut evaluation = Evaluation::default();
        for sample in &samples {
            let surfaces = segment(&network, sample, network.metadata().calibration)?;
            evaluation.add(sample, &surfaces);
            if let Some(dir) = &self.overlays {
                let path = dir.join(format!("{}_{}.png", sample.set, sample.id));
                let image = overlay(sample, &surfaces, &truth(sample));
                image.save(&path).with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        let report = Report::new(ModelReport::of(&network), self.part, &evaluation);
        if let Some(path) = &self.json {
            write_atomically(path, &serde_json::to_vec_pretty(&report)?)?;
        }
        print!("{}", markdown(&report));
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct Calibrate {
    #[command(flatten)]
    source: Source,
    /// Softmax temperatures to try; the one of least boundary error is taken.
    #[arg(long, value_delimiter = ',', default_values_t = [0.75, 1.0, 1.25, 1.5, 2.0])]
    temperatures: Vec<f32>,
    /// The file to write, for `export --calibration`.
    out: PathBuf,
}

impl Calibrate {
    pub(super) fn run(self) -> Result<()> {
        anyhow::ensure!(
            self.temperatures.iter().all(|t| (0.05..=20.0).contains(t)),
            "temperatures must be from 0.05 to 20"
        );
        let (network, samples) = self.source.read(Part::Val)?;
        let steps = try_temperatures(&network, &samples, &self.temperatures)?;
        println!("| temperature | coverage of 95 % intervals | mean absolute error, px |\n| ---: | ---: | ---: |");
        for s in &steps {
            println!("| {} | {:.3} | {:.3} |", s.temperature, s.coverage, s.mean_absolute_px);
        }
        let best = best_temperature(&steps).context("no temperature to try")?;
        let calibration = fit_intervals(&network, &samples, best.temperature)?;
        println!("\n| boundary | scale | floor, px |\n| --- | ---: | ---: |");
        for (boundary, interval) in Boundary::ALL.into_iter().zip(calibration.intervals) {
            println!("| {} | {:.2} | {:.2} |", boundary.name(), interval.scale, interval.floor);
        }
        write_atomically(&self.out, &serde_json::to_vec_pretty(&calibration)?)
    }
}
