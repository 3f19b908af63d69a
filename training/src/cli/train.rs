//! `train`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use clap::Args;

use super::labels::Labels;
use crate::{
    ablation::RecipeStep,
    batch::{Phantoms, RealScans, Sampler},
    data::Part,
    device,
    import::Imported,
    train::{Budget, RunDir, Settings, Trainer},
};

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    labels: Labels,
    /// Output folder for checkpoints, history and report
    #[arg(long, default_value_os_t = default_run_dir())]
    run: PathBuf,
    /// Resume the run in this folder. Options given here replace the stored ones; a new length or learning rate
    /// restarts the schedule
    #[arg(long, value_name = "RUN", conflicts_with_all = ["run", "from"])]
    resume: Option<PathBuf>,
    /// Start from the weights of an exported network, to fine-tune it on your own scans
    #[arg(long, value_name = "ONNX", conflicts_with = "width")]
    from: Option<PathBuf>,
    /// Length of the training in minutes
    #[arg(long, conflicts_with = "steps")]
    minutes: Option<f64>,
    /// Length of the training in steps [default: 20000]
    #[arg(long)]
    steps: Option<u64>,
    /// Peak learning rate [default: 0.001]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Crops per batch [default: 2]
    #[arg(long)]
    batch: Option<usize>,
    /// Width and height of a crop, multiples of 16 [default: 224x320]
    #[arg(long, value_name = "WxH", value_parser = parse_crop)]
    crop: Option<(usize, usize)>,
    /// Share of crops from phantoms, 0 to 1 [default: 0.2]
    #[arg(long, value_parser = parse_share)]
    phantom_share: Option<f64>,
    /// Share of crops without a retina, 0 to 1 [default: 0.05]
    #[arg(long, value_parser = parse_share)]
    negative_share: Option<f64>,
    /// Share of the other crops used as scanned, without variation, 0 to 1 [default: 0.4]
    #[arg(long, value_parser = parse_share)]
    plain_share: Option<f64>,
    /// Shift of the ellipsoid zone score against that of the RPE by a set's convention [default: 6]
    #[arg(long)]
    ez_shift: Option<f32>,
    /// Network to imitate in addition to the labels: an exported one, or the averaged weights of a run
    #[arg(long, value_name = "RUN|ONNX")]
    teacher: Option<PathBuf>,
    /// Steps of the recipe to leave out, for ablation
    #[arg(long, value_name = "STEP", value_enum, value_delimiter = ',')]
    without: Vec<RecipeStep>,
    /// Weight of a set when drawing scans, as in `mine=2` [default: 1]
    #[arg(long = "set-weight", value_name = "SET=WEIGHT", value_parser = parse_weight)]
    set_weights: Vec<(String, f64)>,
    /// Progress, 0 to 1, after which batch normalisations use their running statistics [default: 0.75]
    #[arg(long, value_parser = parse_share)]
    freeze_norms_at: Option<f64>,
    /// Feature maps at full resolution [default: 16]
    #[arg(long)]
    width: Option<usize>,
    /// Steps per epoch [default: 250]
    #[arg(long)]
    epoch_steps: Option<u64>,
    /// Epochs between validations [default: 4]
    #[arg(long)]
    validate_every: Option<usize>,
    /// Validations without progress before training stops [default: 20]
    #[arg(long)]
    patience: Option<usize>,
    /// Seed of weights, draws and variants [default: 1]
    #[arg(long)]
    seed: Option<u64>,
}

fn parse_crop(text: &str) -> Result<(usize, usize), String> {
    let (w, h) = text.split_once('x').ok_or("expected WxH, such as 224x320")?;
    let side = |s: &str| s.parse().ok().filter(|v: &usize| *v >= 64 && v.is_multiple_of(16));
    side(w).zip(side(h)).ok_or_else(|| "width and height must be multiples of 16 and at least 64".to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|v| (0.0..=1.0).contains(v)).ok_or_else(|| "not a number from 0 to 1".to_owned())
}

fn parse_weight(text: &str) -> Result<(String, f64), String> {
    let (set, weight) = text.split_once('=').ok_or("expected SET=WEIGHT")?;
    let weight = weight.parse().ok().filter(|w: &f64| w.is_finite() && *w > 0.0).ok_or("not a positive number")?;
    Ok((set.to_owned(), weight))
}

/// Default folder of a run.
fn default_run_dir() -> PathBuf {
    PathBuf::from("runs/latest")
}

impl Train {
    pub(super) fn run(self) -> Result<()> {
        let device = device::device();
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;

        let trainer = if let Some(dir) = &self.resume {
            let dir = RunDir::open(dir)?;
            Trainer::resume(self.settings(dir.settings()?)?, dir, &device, stop)?
        } else {
            let settings = self.settings(Settings::default())?;
            Trainer::start(settings, RunDir::create(&self.run)?, &device, stop)?
        };
        let training = self.labels.load(Part::Train)?;
        let validation = self.labels.load(Part::Val)?;
        eprintln!("training with {}", device::name());
        let Settings { batch, set_weights, .. } = trainer.settings();
        let real = if batch.ablation.omits(RecipeStep::Balance) {
            RealScans::unbalanced(&training)
        } else {
            RealScans::new(&training, set_weights)
        };
        let sampler = Sampler::new(*batch, Box::new(real), Some(Box::new(Phantoms)));
        drop(training);
        trainer.run(sampler, &validation)?;
        Ok(())
    }

    /// `base`, overridden by the given options.
    fn settings(&self, base: Settings) -> Result<Settings> {
        let mut s = base;
        let budget = self.minutes.map(Budget::Minutes).or(self.steps.map(Budget::Steps));
        s.schedule.budget = budget.unwrap_or(s.schedule.budget);
        s.schedule.peak = self.learning_rate.unwrap_or(s.schedule.peak);
        s.batch.size = self.batch.unwrap_or(s.batch.size);
        (s.batch.width, s.batch.height) = self.crop.unwrap_or((s.batch.width, s.batch.height));
        s.batch.phantom_share = self.phantom_share.unwrap_or(s.batch.phantom_share);
        s.batch.negative_share = self.negative_share.unwrap_or(s.batch.negative_share);
        s.batch.plain_share = self.plain_share.unwrap_or(s.batch.plain_share);
        s.batch.seed = self.seed.unwrap_or(s.batch.seed);
        s.network.width = self.width.unwrap_or(s.network.width);
        if let Some(path) = &self.from {
            // Size and convention shift must match the source network.
            let source = Imported::read(path, &device::device());
            let source = source.with_context(|| format!("cannot load a network from {}", path.display()))?;
            s.network.width = source.config.width;
            s.ez_shift = source.metadata.ez_shift;
            s.from = Some(path.clone());
        }
        if !self.without.is_empty() {
            s.batch.ablation = self.without.iter().copied().collect();
        }
        s.set_weights.extend(self.set_weights.iter().cloned());
        s.freeze_norms_at = self.freeze_norms_at.unwrap_or(s.freeze_norms_at);
        s.network.batch_norm &= !s.batch.ablation.omits(RecipeStep::BatchNorm);
        s.ez_shift = self.ez_shift.unwrap_or(s.ez_shift);
        if s.batch.ablation.omits(RecipeStep::EzConvention) {
            s.ez_shift = 0.0;
        }
        s.teacher = self.teacher.clone().or(s.teacher);
        s.epoch_steps = self.epoch_steps.unwrap_or(s.epoch_steps);
        s.validate_every = self.validate_every.unwrap_or(s.validate_every);
        s.patience = self.patience.unwrap_or(s.patience);
        anyhow::ensure!(
            s.batch.size > 0 && s.network.width > 0 && s.epoch_steps > 0 && s.validate_every > 0,
            "batch, width, epoch and validation interval must be at least 1"
        );
        anyhow::ensure!(s.schedule.peak > 0.0 && s.schedule.peak.is_finite(), "the learning rate must be positive");
        Ok(s)
    }
}
